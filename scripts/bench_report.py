"""python scripts/bench_report.py RUN: how long a report of many runs takes, and how much memory, by their number.

The runs are copies of RUN, a finished run's folder, under 20 seeds of ever more learning rates, each with test
predictions and accuracies of its own.
"""

import argparse
import io
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from cnnlab.files import user_path
from cnnlab.run.folder import RunFolder

REPORT = Path(__file__).with_name("report.py")
SEEDS = 20  # of a configuration
COPIED = (".hydra", "metrics.csv")  # what a report reads besides the result and the predictions


def main() -> None:
    """Reads the command line, measures, prints a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=user_path, help="a finished run's folder, such as outputs/runs/<run>")
    parser.add_argument("--runs", type=int, nargs="+", default=[1_000, 3_000, 10_000], help="how many")
    arguments = parser.parse_args()
    run = RunFolder(arguments.run)
    if not run.predictions.is_file() or run.result() is None:
        parser.error(f"{run} has no predictions; give the folder of a run that has tested")
    print(f"{'runs':>8}{'seconds':>10}{'s per 1,000':>14}{'peak, MiB':>12}")
    for num in arguments.runs:
        with tempfile.TemporaryDirectory() as folder:
            for number in range(num):
                _copy(run, Path(folder), *divmod(number, SEEDS))
            seconds, peak = _report(Path(folder))
        print(f"{num:8,}{seconds:10.1f}{1000 * seconds / num:14.2f}{peak:12,.0f}", flush=True)


def _copy(run: RunFolder, sweep: Path, configuration: int, seed: int) -> None:
    """A run of another learning rate and seed, with that configuration's share of wrong images."""
    rate = round(0.001 * 1.01**configuration, 6)
    name = f"optimizer.lr={rate},seed={seed}"
    copied = RunFolder(sweep / name)
    copied.path.mkdir()
    for each in COPIED:
        source = run.path / each
        (shutil.copytree if source.is_dir() else shutil.copy)(source, copied.path / each)
    content = json.loads(run.result_json.read_bytes())
    with np.load(run.predictions) as arrays:
        predicted, label, probability = (arrays[key] for key in ("predicted", "label", "probability"))
    generator = np.random.default_rng([configuration, seed])
    wrong = generator.random(len(label)) < 0.02 + 0.01 * np.sin(configuration)
    predicted = np.where(wrong, (label + 1) % 10, label).astype(predicted.dtype)
    accuracy = float(np.mean(predicted == label))
    content["overrides"] = [f"optimizer.lr={rate}", f"seed={seed}"]
    content["params"] |= {"optimizer.lr": rate, "seed": seed}
    content["metrics"] |= {"test/acc": accuracy, "val/acc": accuracy - 0.002}
    content["fingerprint"] = f"{configuration:08x}{seed:08x}"
    arrays_file = io.BytesIO()
    np.savez_compressed(arrays_file, predicted=predicted, label=label, probability=probability)
    copied.predictions.write_bytes(arrays_file.getvalue())
    copied.result_json.write_text(json.dumps(content))


def _report(sweep: Path) -> tuple[float, float]:
    """Seconds and peak memory in MiB of a report's command."""
    started = time.perf_counter()
    process = subprocess.Popen([sys.executable, REPORT, sweep], stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - started
    if status:
        raise SystemExit(f"the report of {sweep} failed with status {status}")
    return seconds, usage.ru_maxrss / 1024


if __name__ == "__main__":
    main()

"""python scripts/bench_sweep.py: a sweep's throughput, against one job after the other and against a plain project."""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]
ONE_BY_ONE = ("hydra.launcher.n_jobs=1", "hydra.launcher.threads_per_job=2")
SIDE_BY_SIDE = ("hydra.launcher.n_jobs=2", "hydra.launcher.threads_per_job=1")
JOB_S = 10  # the job length for which the launcher's share is reported


def main() -> None:
    """Repeats all measurements in turn, and prints medians and ratios."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repetitions", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=1, help="of each job")
    parser.add_argument("--jobs", type=int, default=16, help="of a sweep")
    arguments = parser.parse_args()
    root = os.environ.get("CNNLAB_DATA_DIR", "data")
    if not (Path(root) / "MNIST" / "raw" / "train-images-idx3-ubyte").is_file():
        parser.error(f"{root} has no MNIST/raw/train-images-idx3-ubyte; set CNNLAB_DATA_DIR")
    repetitions = [
        _measure(root, arguments.epochs, arguments.jobs, repetition) for repetition in range(arguments.repetitions)
    ]
    print(f"medians of {len(repetitions)}; {arguments.jobs} jobs a sweep, {arguments.epochs} epochs a job")
    for name in repetitions[0]:
        print(f"{name:48} {statistics.median(repetition[name] for repetition in repetitions):.3g}")


def _measure(root: str, epochs: int, num_jobs: int, repetition: int) -> dict[str, float]:
    plain_s, _ = _run(["-m", "cnnlab.bench.plain_project", root, str(epochs), str(repetition)])
    jobs = [f"seed=range(0,{num_jobs})", f"trainer.max_epochs={epochs}"]
    launchers = [ONE_BY_ONE, SIDE_BY_SIDE]
    measured = {launcher: _sweep([*jobs, *launcher]) for launcher in launchers[:: 1 if repetition % 2 == 0 else -1]}
    with tempfile.TemporaryDirectory() as folder:
        _, text = _run(["-m", "cnnlab.bench.trivial_jobs", folder, "200", "1"])
    (one_s, _), (two_s, wall_s) = (measured[launcher] for launcher in launchers)
    found = {
        "plain project, s a job": plain_s,
        "one job of two threads at a time, s a job": one_s / num_jobs,
        "two jobs of one thread at a time, s a job": two_s / num_jobs,
        "two of one thread / one of two": two_s / one_s,
        "the sweep's own start and end, s": wall_s - two_s,
        "plain project / sweep, start included": plain_s * num_jobs / wall_s,
        f"launcher's share of a job of {JOB_S} s, %": 100 * json.loads(text.splitlines()[-1])["job_s"] / JOB_S,
    }
    print({name: round(value, 3) for name, value in found.items()}, file=sys.stderr, flush=True)
    return found


def _sweep(arguments: list[str]) -> tuple[float, float]:
    """Seconds from the first job's start to the last job's end, and of the whole command."""
    with tempfile.TemporaryDirectory() as folder:
        wall_s, _ = _run(["train.py", "-m", *arguments, "sweep.report=false", f"hydra.sweep.dir={folder}"])
        started = min(path.stat().st_mtime for path in Path(folder).glob("*/.hydra/hydra.yaml"))
        ended = max(path.stat().st_mtime for path in Path(folder).glob("*/result.json"))
    return ended - started, wall_s


def _run(arguments: list[str]) -> tuple[float, str]:
    started = time.perf_counter()
    done = subprocess.run([sys.executable, *arguments], cwd=REPOSITORY, check=True, capture_output=True, text=True)
    return time.perf_counter() - started, done.stdout


if __name__ == "__main__":
    main()

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


def main() -> None:
    """Measures everything in turn, so often, and prints medians and ratios."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repetitions", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=1, help="of each job")
    parser.add_argument("--jobs", type=int, default=8, help="of a sweep")
    arguments = parser.parse_args()
    root = os.environ.get("CNNLAB_DATA_DIR", "data")
    if not (Path(root) / "MNIST" / "raw" / "train-images-idx3-ubyte").is_file():
        parser.error(f"{root} has no MNIST/raw/train-images-idx3-ubyte; set CNNLAB_DATA_DIR")
    plain = ["-m", "cnnlab.bench.plain_project", root, str(arguments.epochs)]
    seconds: dict[str, list[float]] = {"plain": [], "side by side": [], "one by one": [], "launcher": []}
    for repetition in range(arguments.repetitions):
        seconds["plain"].append(_run([*plain, str(repetition)])[0])
        for name, launcher in (
            ("side by side", ["hydra.launcher.n_jobs=2", "hydra.launcher.threads_per_job=1"]),
            ("one by one", ["hydra.launcher.n_jobs=1", "hydra.launcher.threads_per_job=2"]),
        ):
            with tempfile.TemporaryDirectory() as folder:
                sweep = ["train.py", "-m", f"seed=range(0,{arguments.jobs})", f"trainer.max_epochs={arguments.epochs}"]
                wall_s, _ = _run([*sweep, f"hydra.sweep.dir={folder}", *launcher])
                seconds[name].append(wall_s / arguments.jobs)
        with tempfile.TemporaryDirectory() as folder:
            _, text = _run(["-m", "cnnlab.sweep.trivial_jobs", folder, "200", "1"])
            seconds["launcher"].append(json.loads(text.splitlines()[-1])["job_s"])
        print({name: round(values[-1], 3) for name, values in seconds.items()}, file=sys.stderr)
    median = {name: statistics.median(values) for name, values in seconds.items()}
    print(f"seconds a job of {arguments.epochs} epochs, the sweep's start-up included; {arguments.jobs} jobs a sweep")
    print(f"plain project, job after job   {median['plain']:.2f}")
    print(f"sweep, one job of two threads  {median['one by one']:.2f}")
    print(f"sweep, two jobs of one thread  {median['side by side']:.2f}")
    print(f"two of one thread / one of two {median['side by side'] / median['one by one']:.2f}")
    print(f"plain project / sweep          {median['plain'] / median['side by side']:.1f}")
    print(f"the launcher, of a job of 10 s  {median['launcher'] / 10:.1%}")


def _run(arguments: list[str]) -> tuple[float, str]:
    started = time.perf_counter()
    done = subprocess.run([sys.executable, *arguments], cwd=REPOSITORY, check=True, capture_output=True, text=True)
    return time.perf_counter() - started, done.stdout


if __name__ == "__main__":
    main()

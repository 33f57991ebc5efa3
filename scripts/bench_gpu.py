"""python scripts/bench_gpu.py: how fast an epoch of experiment=lecture and a sweep are on a GPU."""

import argparse
import subprocess
import sys
import tempfile
import time
from functools import partial
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]


def main() -> None:
    """Measures, and prints two tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repetitions", type=int, default=5, help="of every loop, after a warm-up")
    parser.add_argument("--batch-sizes", type=int, nargs="+", default=[64, 1024])
    parser.add_argument("--jobs", type=int, default=16, help="of a sweep, of one epoch each")
    parser.add_argument("--side-by-side", type=int, nargs="*", default=[1, 4, 8], help="jobs at a time")
    arguments = parser.parse_args()
    if min(arguments.repetitions, arguments.jobs, *arguments.batch_sizes, *arguments.side_by_side) < 1:
        parser.error("every number must be >= 1")

    import torch
    from hydra import compose, initialize_config_dir

    from cnnlab.bench.gpu import measure

    if not torch.cuda.is_available():
        parser.exit(2, "error: torch finds no CUDA device on this machine; `make bench` measures on the CPU\n")
    with initialize_config_dir(str(REPOSITORY / "conf"), version_base="1.3"):
        config = compose("train", ["experiment=lecture", "console=none", "trainer=gpu"])
    rows = measure(config, arguments.batch_sizes, arguments.repetitions, partial(print, file=sys.stderr))
    print(f"{torch.cuda.get_device_name()}, torch {torch.__version__}; medians of {arguments.repetitions}")
    print(f"{'batch':>5}  {'':34}{'ms a step':>10}{'s an epoch':>12}{'plain / this':>14}")
    for row in rows:
        times = f"{row['step_ms']:>10.3f}{row['epoch_s']:>12.2f}{row['speedup']:>14.2f}"
        print(f"{row['batch_size']:>5}  {row['contender']:34}{times}")
    print(f"\na sweep of {arguments.jobs} jobs of one epoch, start included")
    for n_jobs in arguments.side_by_side:
        seconds = _sweep(arguments.jobs, n_jobs)
        print(f"{n_jobs:>3} at a time: {seconds:6.1f} s, {seconds / arguments.jobs:5.2f} s a job", flush=True)


def _sweep(num_jobs: int, n_jobs: int) -> float:
    """Wall seconds of the whole command."""
    launcher = (f"hydra.launcher.n_jobs={n_jobs}", "hydra.launcher.threads_per_job=1")
    jobs = ("experiment=lecture", "trainer=gpu", f"seed=range({num_jobs})", "trainer.max_epochs=1")
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "train.py", "-m", *jobs, *launcher, f"hydra.sweep.dir={folder}/sweep"]
        started = time.perf_counter()
        subprocess.run(command, cwd=REPOSITORY, check=True, stdout=subprocess.DEVNULL)
        return time.perf_counter() - started


if __name__ == "__main__":
    main()

"""python scripts/bench_gpu.py: the tests that need a GPU, and how fast an epoch and a sweep are on it."""

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from functools import partial
from pathlib import Path
from typing import Any

from cnnlab.cli.output import safe_output
from cnnlab.files import user_path

REPOSITORY = Path(__file__).resolve().parents[1]
TESTS_S, TABLE_S, SWEEPS_S = 120.0, 60.0, 160.0  # at most: together, with what starts, under six minutes


def main() -> int:
    """Tests, measures, prints two tables and writes bench.json; returns the exit code."""
    arguments = _parser().parse_args()
    import torch

    if not torch.cuda.is_available():
        print("error: torch finds no CUDA device on this machine; `make bench` measures on the CPU", file=sys.stderr)
        return 2
    card = f"{torch.cuda.get_device_name()}, torch {torch.__version__}"
    found: dict[str, Any] = {"card": torch.cuda.get_device_name(), "torch": torch.__version__, "cores": os.cpu_count()}
    print(card, flush=True)
    arguments.out.mkdir(parents=True, exist_ok=True)
    file = arguments.out / "bench.json"
    started = time.monotonic()
    if not arguments.no_tests:
        found["tests"] = run_tests(arguments.tests_s)
        print(f"GPU tests: {found['tests']['summary']}; {time.monotonic() - started:.0f} s", flush=True)
    started = time.monotonic()
    found["rows"] = measure_epochs(arguments.batch_sizes, arguments.repetitions, arguments.table_s)
    file.write_text(json.dumps(found, indent=1) + "\n")
    print(f"{format_rows(found['rows'])}\nmeasured in {time.monotonic() - started:.0f} s\n", flush=True)
    print(f"a sweep of {arguments.jobs} jobs of one epoch, start included", flush=True)
    started, found["sweeps"] = time.monotonic(), []
    for jobs_per_gpu in sorted(arguments.jobs_per_gpu, reverse=True):  # the fast ones first
        left = arguments.sweeps_s - (time.monotonic() - started)
        found["sweeps"].append(measure_sweep(arguments.jobs, jobs_per_gpu, max(left, 1.0)))
        print(format_sweep(found["sweeps"][-1]), flush=True)
        file.write_text(json.dumps(found, indent=1) + "\n")  # what is measured stays, whatever comes next
    print(f"written: {file}")
    return 0 if arguments.no_tests or found["tests"]["exit_code"] == 0 else 1


def _parser() -> argparse.ArgumentParser:
    def number(text: str) -> int:
        if (value := int(text)) < 1:
            raise argparse.ArgumentTypeError(f"{value} is not allowed; it must be >= 1")
        return value

    parser = argparse.ArgumentParser(description=__doc__)
    out = REPOSITORY / "outputs" / "bench-gpu"
    parser.add_argument("--out", type=user_path, default=out, help="folder for the results")
    parser.add_argument("--repetitions", type=number, default=5, help="of every loop, after a warm-up, at most")
    parser.add_argument("--batch-sizes", type=number, nargs="+", default=[64, 1024])
    parser.add_argument("--jobs", type=number, default=16, help="of a sweep, of one epoch each")
    parser.add_argument("--jobs-per-gpu", type=number, nargs="*", default=[1, 4, 8], help="at a time, a sweep for each")
    parser.add_argument("--no-tests", action="store_true", help="only measure")
    parser.add_argument("--tests-s", type=number, default=TESTS_S, help="seconds for the tests, at most")
    parser.add_argument("--table-s", type=number, default=TABLE_S, help="for the table, then its repetition ends")
    parser.add_argument("--sweeps-s", type=number, default=SWEEPS_S, help="for all sweeps together, at most")
    return parser


def run_tests(limit_s: float) -> dict[str, Any]:
    """The tests that need a GPU, in parallel: their exit code (None: stopped at the limit) and pytest's last line."""
    files = [str(path) for path in (REPOSITORY / "tests").rglob("test_*.py") if "mark.gpu" in path.read_text()]
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-m",
        "gpu",
        "--numprocesses",
        "4",
        "-q",
        *files,
    ]  # all would take longer
    exit_code, text = bounded(command, limit_s)
    lines = text.strip().splitlines() or ["pytest printed nothing"]
    for line in lines:
        if line.startswith(("FAILED", "ERROR")):
            print(line, flush=True)
    summary = lines[-1].strip("= ") if exit_code is not None else f"stopped after {limit_s:.0f} s"
    return {"exit_code": exit_code, "summary": summary}


def measure_epochs(batch_sizes: list[int], repetitions: int, limit_s: float) -> list[dict[str, float | str]]:
    """The table's rows."""
    from hydra import compose, initialize_config_dir

    from cnnlab.bench.gpu import measure

    with initialize_config_dir(str(REPOSITORY / "conf"), version_base="1.3"):
        config = compose("train", ["experiment=lecture", "console=none", "trainer=gpu"])
    return measure(config, batch_sizes, repetitions, partial(print, file=sys.stderr), limit_s)


def format_rows(rows: list[dict[str, Any]]) -> str:
    """The table, as docs/performance.md has it."""
    lines = ["| batch | | ms a step | s an epoch | plain / this |", "|---|---|---|---|---|"]
    for row in rows:
        values = ("error", "step_ms", "epoch_s", "speedup")
        error, step_ms, epoch_s, speedup = (row.get(name) for name in values)
        times = f"{step_ms:.3f} | {epoch_s:.2f} | {speedup:.1f}" if error is None else f"failed: {error} | | "
        lines.append(f"| {row['batch_size']} | {row['contender']} | {times} |")
    return "\n".join(lines)


def measure_sweep(num_jobs: int, jobs_per_gpu: int, limit_s: float) -> dict[str, Any]:
    """Wall seconds of the whole command; None if it was stopped at the limit."""
    launcher = (f"hydra.launcher.jobs_per_gpu={jobs_per_gpu}", "hydra.launcher.threads_per_job=1")
    jobs = ("experiment=lecture", "trainer=gpu", f"seed=range({num_jobs})", "trainer.max_epochs=1")
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "train.py", "-m", *jobs, *launcher, f"hydra.sweep.dir={folder}/sweep"]
        started = time.monotonic()
        exit_code, text = bounded(command, limit_s)
        seconds = time.monotonic() - started
    error = None if exit_code == 0 else (text.strip().splitlines() or [""])[-1] if exit_code else "stopped"
    return {"jobs_per_gpu": jobs_per_gpu, "num_jobs": num_jobs, "seconds": seconds, "error": error}


def format_sweep(sweep: dict[str, Any]) -> str:
    """A sweep's line."""
    seconds, error = sweep["seconds"], sweep["error"]
    rate = f", {seconds / sweep['num_jobs']:5.2f} s a job" if error is None else f"; failed: {error}"
    return f"{sweep['jobs_per_gpu']:>3} a GPU: {seconds:6.1f} s{rate}"


def bounded(command: list[str], limit_s: float) -> tuple[int | None, str]:
    """Runs a command in the repository, and kills it, with all that it has started, at the limit.

    Returns:
        Its exit code, None if it was killed, and what it printed.
    """
    with tempfile.TemporaryFile("w+") as output:
        process = subprocess.Popen(
            command, cwd=REPOSITORY, stdout=output, stderr=subprocess.STDOUT, start_new_session=True
        )
        try:
            exit_code: int | None = process.wait(limit_s)
        except subprocess.TimeoutExpired:
            exit_code = None
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
        output.seek(0)
        return exit_code, output.read()


if __name__ == "__main__":
    with safe_output():
        code = main()
    sys.exit(code)

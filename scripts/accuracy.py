"""python scripts/accuracy.py EXPERIMENT [--seeds N] [--first S] [OVERRIDE ...]: test accuracy over many seeds.

Each seed is a `python train.py experiment=EXPERIMENT seed=S`, one after the other, in outputs/accuracy/EXPERIMENT/S;
completed seeds are skipped, and interrupted ones are resumed.
"""

import argparse
import subprocess
import sys
from pathlib import Path
from statistics import mean, median
from typing import Any

from hydra import compose, initialize_config_dir
from omegaconf import DictConfig

from cnnlab.cli.output import safe_output
from cnnlab.errors import EXIT_USER_ERROR
from cnnlab.experiment.identity import fingerprint
from cnnlab.files import user_path
from cnnlab.metrics import ACCURACY
from cnnlab.report.inference.differences import mean_interval
from cnnlab.run.folder import RunFolder
from cnnlab.run.resume import quote
from cnnlab.run.status import Status

REPOSITORY = Path(__file__).resolve().parents[1]
COLLAPSED = 0.2  # accuracy of a run that predicts a single class, or little more


def main() -> None:
    """Runs the missing seeds, and prints a line per seed and the summary."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("experiment", help="a file of conf/experiment/, such as speedrun")
    parser.add_argument("--seeds", type=int, default=5, help="how many")
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    parser.add_argument("--out", type=user_path, default=REPOSITORY / "outputs" / "accuracy", help="folder of the runs")
    parser.add_argument("overrides", nargs="*", help="of each run, such as trainer=cpu")
    arguments = parser.parse_intermixed_args()
    if arguments.seeds < 1:
        parser.error(f"--seeds {arguments.seeds} is not allowed; it must be >= 1")
    results = []
    for seed in range(arguments.first, arguments.first + arguments.seeds):
        overrides = [f"experiment={arguments.experiment}", f"seed={seed}", *arguments.overrides]
        folder = RunFolder(arguments.out.resolve() / arguments.experiment / str(seed))
        run(folder, overrides)
        result = folder.result()
        assert result is not None, "the run has completed"
        results.append(result)
        print(format_run(result), flush=True)
    print(summarise(results))


def run(folder: RunFolder, overrides: list[str]) -> None:
    """Completes the run in a folder."""
    if folder.has_started and fingerprint(folder.config()) != fingerprint(composed(overrides)):
        print(f"error: {folder} is a run of another config; remove it, or give another --out", file=sys.stderr)
        sys.exit(EXIT_USER_ERROR)
    if folder.status is Status.COMPLETED:
        return
    what = [f"resume={folder}"] if folder.has_started else [*overrides, f"hydra.run.dir={quote(folder.path)}"]
    done = subprocess.run([sys.executable, "train.py", *what], cwd=REPOSITORY, stdout=subprocess.PIPE, text=True)
    if done.returncode != 0:
        sys.exit(done.returncode)


def composed(overrides: list[str]) -> DictConfig:
    """The config of a run with these overrides."""
    with initialize_config_dir(str(REPOSITORY / "conf"), version_base="1.3"):
        return compose("train", overrides)


def format_run(result: dict[str, Any]) -> str:
    """A seed's line."""
    accuracy = result["metrics"][ACCURACY.of("test")]
    remark = "  collapsed" if accuracy < COLLAPSED else ""
    return f"seed {result['seed']}: {accuracy:.2%}, fit {result['seconds']['fit']:.2f} s{remark}"


def summarise(results: list[dict[str, Any]]) -> str:
    """Mean accuracy with its 95 % interval over seeds, collapsed runs included, and the median time.

    Args:
        results: The results of all runs.
    """
    accuracies = [result["metrics"][ACCURACY.of("test")] for result in results]
    low, high = mean_interval(accuracies)
    interval = f", 95 % interval {low:.2%} to {high:.2%}" if len(results) > 1 else ""
    collapsed = sum(accuracy < COLLAPSED for accuracy in accuracies)
    fit = median(result["seconds"]["fit"] for result in results)
    return (
        f"test accuracy {mean(accuracies):.3%}{interval}, over {len(results)} seeds, {collapsed} collapsed; "
        f"fit {fit:.2f} s"
    )


if __name__ == "__main__":
    with safe_output():
        main()

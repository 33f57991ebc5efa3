"""python scripts/accuracy.py EXPERIMENT [--seeds N] [--against-plain] [OVERRIDE ...]: test accuracy over many seeds.

Each seed is a `python train.py experiment=EXPERIMENT seed=S`, one after the other, in outputs/accuracy/EXPERIMENT/S;
completed seeds are skipped, and interrupted ones are resumed.
"""

import argparse
import subprocess
import sys
from pathlib import Path
from statistics import mean, median, stdev
from typing import Any

from hydra import compose, initialize_config_dir
from omegaconf import DictConfig

from cnnlab.cli.output import safe_output
from cnnlab.errors import EXIT_USER_ERROR
from cnnlab.experiment.identity import fingerprint
from cnnlab.files import user_path
from cnnlab.metrics import ACCURACY
from cnnlab.run.folder import RunFolder
from cnnlab.run.resume import quote
from cnnlab.run.status import Status

REPOSITORY = Path(__file__).resolve().parents[1]
LECTURE_EPOCHS = 40
COLLAPSED = 0.2  # accuracy of a run that predicts a single class, or little more


def main() -> None:
    """Runs the missing seeds, and prints a line per seed and the summary."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("experiment", help="a file of conf/experiment/, such as speedrun")
    parser.add_argument("--seeds", type=int, default=5, help="0 to N-1")
    parser.add_argument("--against-plain", action="store_true", help="also time the lecture's plain loop with each run")
    parser.add_argument("--out", type=user_path, default=REPOSITORY / "outputs" / "accuracy", help="folder of the runs")
    parser.add_argument("overrides", nargs="*", help="of each run, such as trainer=cpu")
    arguments = parser.parse_intermixed_args()
    if arguments.seeds < 1:
        parser.error(f"--seeds {arguments.seeds} is not allowed; it must be >= 1")
    results, fits, plain_epochs = [], [], []
    for seed in range(arguments.seeds):
        overrides = [f"experiment={arguments.experiment}", f"seed={seed}", *arguments.overrides]
        folder = RunFolder(arguments.out.resolve() / arguments.experiment / str(seed))
        is_new = run(folder, overrides)
        result = folder.result()
        assert result is not None, "the run has completed"
        results.append(result)
        if arguments.against_plain and is_new:
            fits.append(results[-1]["seconds"]["fit"])
            plain_epochs.append(plain_epoch_seconds())
        print(format_run(results[-1], plain_epochs[-1:] if is_new else []), flush=True)
    print(summarise(results, fits, plain_epochs))


def run(folder: RunFolder, overrides: list[str]) -> bool:
    """Completes the run in a folder; returns whether it had to run."""
    if folder.has_started and fingerprint(folder.config()) != fingerprint(composed(overrides)):
        print(f"error: {folder} is a run of another config; remove it, or give another --out", file=sys.stderr)
        sys.exit(EXIT_USER_ERROR)
    if folder.status is Status.COMPLETED:
        return False
    what = [f"resume={folder}"] if folder.has_started else [*overrides, f"hydra.run.dir={quote(folder.path)}"]
    done = subprocess.run([sys.executable, "train.py", *what], cwd=REPOSITORY, stdout=subprocess.PIPE, text=True)
    if done.returncode != 0:
        sys.exit(done.returncode)
    return True


def composed(overrides: list[str]) -> DictConfig:
    """The config of a run with these overrides."""
    with initialize_config_dir(str(REPOSITORY / "conf"), version_base="1.3"):
        return compose("train", overrides)


def plain_epoch_seconds() -> float:
    """Wall time of the lecture's epoch, training and test, in a plain PyTorch loop; a tenth of it is run."""
    from cnnlab.bench.contenders import plain_loop
    from cnnlab.bench.measure import PLAIN_SHARE
    from cnnlab.training.build import build_data

    config = composed(["experiment=lecture", "console=none", "trainer=cpu"])
    data = build_data(config)
    data.prepare_data()
    epoch = plain_loop(config, data.effective, data.effective.files.load(), PLAIN_SHARE)
    return epoch.train_s + epoch.eval_s


def format_run(result: dict[str, Any], plain_epoch: list[float]) -> str:
    """A seed's line."""
    accuracy = result["metrics"][ACCURACY.of("test")]
    remark = "  collapsed" if accuracy < COLLAPSED else ""
    plain = "".join(f", plain loop's epoch {seconds:.2f} s" for seconds in plain_epoch)
    return f"seed {result['seed']}: {accuracy:.2%}, fit {result['seconds']['fit']:.2f} s{plain}{remark}"


def summarise(results: list[dict[str, Any]], fits: list[float], plain_epochs: list[float]) -> str:
    """Mean and standard deviation of the accuracy, collapsed runs included; medians of the times, and their ratio.

    Args:
        results: The results of all runs.
        fits: Fit seconds of the runs for which the plain loop was timed.
        plain_epochs: Seconds of an epoch of the plain loop.
    """
    accuracies = [result["metrics"][ACCURACY.of("test")] for result in results]
    fit = median(result["seconds"]["fit"] for result in results)
    spread = f" ± {stdev(accuracies):.2%}" if len(accuracies) > 1 else ""
    collapsed = sum(accuracy < COLLAPSED for accuracy in accuracies)
    text = f"test accuracy {mean(accuracies):.3%}{spread} over {len(results)} seeds, {collapsed} collapsed"
    text += f"; fit {fit:.2f} s"
    if plain_epochs:
        ratio = LECTURE_EPOCHS * median(plain_epochs) / median(fits)
        text += f", {ratio:.0f}× shorter than {LECTURE_EPOCHS} epochs of the plain loop"
    return text


if __name__ == "__main__":
    with safe_output():
        main()

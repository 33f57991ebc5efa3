"""python scripts/accuracy.py EXPERIMENT [--seeds N] [--against-plain] [OVERRIDE ...]: test accuracy over many seeds.

Each seed is a `python train.py experiment=EXPERIMENT seed=S`, one after the other, in outputs/accuracy/EXPERIMENT/S;
those that are completed already are not run again, and interrupted ones go on.
"""

import argparse
import json
import subprocess
import sys
from pathlib import Path
from statistics import mean, median, stdev
from typing import Any

REPOSITORY = Path(__file__).resolve().parents[1]
LECTURE_EPOCHS = 40
COLLAPSED = 0.2  # accuracy of a run that says one class to everything, or little more


def main() -> None:
    """Runs what is missing, prints a line a seed and the summary."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("experiment", help="a file of conf/experiment/, such as speedrun")
    parser.add_argument("--seeds", type=int, default=5, help="0 to N-1")
    parser.add_argument("--against-plain", action="store_true", help="times the lecture's plain loop beside each run")
    parser.add_argument("--out", type=Path, default=REPOSITORY / "outputs" / "accuracy", help="folder of the runs")
    parser.add_argument("overrides", nargs="*", help="of each run, such as trainer=cpu")
    arguments = parser.parse_intermixed_args()
    if arguments.seeds < 1:
        parser.error(f"--seeds {arguments.seeds}: give a number from 1 up")
    results, plain_epochs = [], []
    for seed in range(arguments.seeds):
        results.append(run(arguments, seed))
        if arguments.against_plain:
            plain_epochs.append(plain_epoch_seconds())
        print(format_run(results[-1], plain_epochs[-1:]), flush=True)
    print(summarise(results, plain_epochs))


def run(arguments: argparse.Namespace, seed: int) -> dict[str, Any]:
    """The result.json of a completed run."""
    folder = arguments.out / arguments.experiment / str(seed)
    overrides = [f"experiment={arguments.experiment}", f"seed={seed}", *arguments.overrides]
    if (folder / "result.json").exists() and read(folder)["status"] == "completed":
        if read(folder)["fingerprint"] != fingerprint_of(overrides):
            print(f"{folder} is the result of another config; remove it, or give another --out", file=sys.stderr)
            sys.exit(2)
        return read(folder)
    begun = (folder / "checkpoints").exists()
    what = [f"resume={folder}"] if begun else [*overrides, f"hydra.run.dir={folder}"]
    done = subprocess.run([sys.executable, "train.py", *what], cwd=REPOSITORY, stdout=subprocess.PIPE, text=True)
    if done.returncode != 0:
        sys.exit(done.returncode)
    return read(folder)


def fingerprint_of(overrides: list[str]) -> str:
    """What result.json has as the fingerprint of a run with these overrides."""
    from hydra import compose, initialize_config_dir

    from cnnlab.config import fingerprint, numeric_params

    with initialize_config_dir(str(REPOSITORY / "conf"), version_base="1.3"):
        return fingerprint(numeric_params(compose("train", overrides)))


def read(folder: Path) -> dict[str, Any]:
    """A run's result.json."""
    content: dict[str, Any] = json.loads((folder / "result.json").read_text())
    return content


def plain_epoch_seconds() -> float:
    """Wall time of the lecture's epoch, training and test, in a plain PyTorch loop; a tenth of it is run."""
    from hydra import compose, initialize_config_dir

    from cnnlab.bench.contenders import plain_loop
    from cnnlab.bench.measure import PLAIN_SHARE
    from cnnlab.training.build import build_data

    with initialize_config_dir(str(REPOSITORY / "conf"), version_base="1.3"):
        config = compose("train", ["experiment=lecture", "console=none", "trainer=cpu"])
    data = build_data(config)
    data.prepare_data()
    data.setup()
    epoch = plain_loop(config, data.effective, data.effective.files.load(), PLAIN_SHARE)
    return epoch.train_s + epoch.eval_s


def format_run(result: dict[str, Any], plain_epoch: list[float]) -> str:
    """A line."""
    accuracy = result["metrics"]["test/acc"]
    remark = "  collapsed" if accuracy < COLLAPSED else ""
    plain = "".join(f", plain loop's epoch {seconds:.2f} s" for seconds in plain_epoch)
    return f"seed {result['seed']}: {accuracy:.2%}, fit {result['seconds']['fit']:.2f} s{plain}{remark}"


def summarise(results: list[dict[str, Any]], plain_epochs: list[float]) -> str:
    """Mean and standard deviation of the accuracy, collapsed runs included, median of the fit time, ratio."""
    accuracies = [result["metrics"]["test/acc"] for result in results]
    fit = median(result["seconds"]["fit"] for result in results)
    spread = f" ± {stdev(accuracies):.2%}" if len(accuracies) > 1 else ""
    collapsed = sum(accuracy < COLLAPSED for accuracy in accuracies)
    text = f"test accuracy {mean(accuracies):.3%}{spread} over {len(results)} seeds, {collapsed} collapsed"
    text += f"; fit {fit:.2f} s"
    if plain_epochs:
        ratio = LECTURE_EPOCHS * median(plain_epochs) / fit
        text += f", {ratio:.0f}× shorter than {LECTURE_EPOCHS} epochs of the plain loop"
    return text


if __name__ == "__main__":
    main()

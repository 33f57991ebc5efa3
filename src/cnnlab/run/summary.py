"""The table at the end of a run."""

import shlex
from pathlib import Path

from lightning.pytorch.loggers import Logger
from lightning.pytorch.utilities import rank_zero_only

from cnnlab.run.result import Result
from cnnlab.training.tensorboard import RunFolderTensorBoard


def short_path(folder: Path) -> str:
    """How to type a folder: relative where it is below this one."""
    return str(folder.relative_to(Path.cwd()) if folder.is_relative_to(Path.cwd()) else folder)


def _figures(metrics: dict[str, float | None], part: str) -> str | None:
    accuracy, loss = metrics[f"{part}/acc"], metrics[f"{part}/loss"]
    return None if accuracy is None or loss is None else f"accuracy {accuracy:.2%}, loss {loss:.4f}"


def _is_dry_run(result: Result) -> bool:
    return bool(result.params.get("trainer.fast_dev_run", False))


@rank_zero_only
def print_summary(result: Result, folder: Path, logger: Logger | None) -> None:
    """Prints accuracy, loss, epochs, seconds, the folder, and what to type next."""
    metrics, shown = result.metrics, short_path(folder)
    rows = {
        "test": _figures(metrics, "test"),
        "validation": _figures(metrics, "val"),
        "epochs": f"{result.epochs}, weights of epoch {result.selected_epoch}",
        "note": "fast_dev_run only tries whether it runs: these are no results" if _is_dry_run(result) else None,
        "seconds": f"{result.seconds['fit']:.1f} fit, {result.seconds['test']:.1f} test",
        "data": str(result.data["name"]),
        "folder": shown,
        "look": f"tensorboard --logdir {shlex.quote(shown)}" if isinstance(logger, RunFolderTensorBoard) else None,
    }
    print()
    for name, text in rows.items():
        if text is not None:
            print(f"{name:<12}{text}")

"""The lines that a run prints at its start and at its end."""

import shlex
from collections.abc import Sequence

from lightning import Callback, LightningModule, Trainer
from lightning.pytorch.utilities import rank_zero_only

from cnnlab.data import ImageDataModule
from cnnlab.metrics import SPLITS, worth_showing
from cnnlab.program import as_typed_path
from cnnlab.run.folder import RunFolder
from cnnlab.run.result import Result
from cnnlab.training.run_logger import RunLogger


def short_path(folder: RunFolder) -> str:
    """A folder's path as a user would type it."""
    return as_typed_path(folder.path)


class Introduction(Callback):
    """Prints two lines once the data is loaded: the model and the data.

    Args:
        result: The run's result so far.
        folder: The run folder.
    """

    def __init__(self, result: Result, folder: RunFolder) -> None:
        self.result = result
        self.folder = folder

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Prints the lines, in one process."""
        if not trainer.is_global_zero:
            return
        data = trainer.datamodule  # type: ignore[attr-defined]
        assert isinstance(data, ImageDataModule)
        choices, num_params = self.result.choices, self.result.num_params
        sizes = ", ".join(f"{data.sizes[split]:,} {title}" for split, title in SPLITS.items() if data.sizes[split] > 0)
        print(
            f"model {choices['model']} ({num_params:,} parameters), optimizer {choices['optimizer']} "
            f"(lr {self.result.params['optimizer.lr']:g}), {trainer.max_epochs} epoch{'s' * (trainer.max_epochs != 1)} "
            f"on {self.result.device}\n"
            f"data {data.effective.name} ({sizes} images), folder {short_path(self.folder)}",
            flush=True,
        )


@rank_zero_only
def print_summary(result: Result, folder: RunFolder, loggers: Sequence[RunLogger]) -> None:
    """Prints the metrics, epochs, seconds, the folder and the next command."""
    shown = short_path(folder)
    is_dry_run = bool(result.params.get("trainer.fast_dev_run", False))
    rows = {
        "test": _metrics_text(result, "test"),
        "validation": _metrics_text(result, "val"),
        "epochs": f"{result.epochs}, weights of epoch {result.selected_epoch}",
        "note": "fast_dev_run only checks that it runs; these are not results" if is_dry_run else None,
        "seconds": f"{result.seconds['fit']:.1f} fit, {result.seconds['test']:.1f} test",
        "data": str(result.data["name"]),
        "folder": shown,
    }
    print()
    for name, text in [*rows.items(), *(("look", logger.look(shlex.quote(shown))) for logger in loggers)]:
        if text is not None:
            print(f"{name:<12}{text}")


def _metrics_text(result: Result, split: str) -> str | None:
    values = worth_showing(result.metrics, split)
    return ", ".join(f"{metric.title} {metric.text(value)}" for metric, value in values) or None

"""TensorBoard events in the run folder, and the run's row in the HParams table."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lightning.pytorch.loggers import TensorBoardLogger
from lightning.pytorch.utilities import rank_zero_only
from torch.utils.tensorboard.summary import hparams

from cnnlab.training.run_logger import LoggedRun, RunLogger


class RunFolderTensorBoard(RunLogger, TensorBoardLogger):
    """A TensorBoard logger that writes directly into the run folder.

    Args:
        save_dir: The run folder.
        purge_step: Hides what an earlier process of a resumed run logged at this step or later.
        options: As in `torch.utils.tensorboard.SummaryWriter`.
    """

    def __init__(self, save_dir: str | Path, purge_step: int | None = None, **options: Any) -> None:
        super().__init__(save_dir, name="", version="", default_hp_metric=False, purge_step=purge_step, **options)

    @classmethod
    def defaults(cls, run: LoggedRun, given: Mapping[str, Any]) -> dict[str, Any]:  # noqa: ARG003
        """The run folder and, for a resumed run, its first step."""
        return {"save_dir": run.folder, "purge_step": run.first_step}

    @rank_zero_only
    def log_outcome(self, choices: dict[str, str | int | float], metrics: dict[str, float]) -> None:
        """Writes the run's row of the HParams table, once, at the end.

        The table shows the last logged values of the metrics, so no point is added to their curves.

        Args:
            choices: The run's choices; the same keys and types in every run.
            metrics: The final metrics; their names are the table's columns.
        """
        self.attempt(self._add_row, choices, metrics)

    def _add_row(self, choices: dict[str, str | int | float], metrics: dict[str, float]) -> None:
        for summary in hparams(dict(choices), dict(metrics)):
            self.experiment.file_writer.add_summary(summary)
        self.experiment.flush()

    def save(self) -> None:
        """Flushes; hyperparameters are in .hydra/ and result.json, not in an hparams.yaml."""
        self.attempt(self._flush)

    def _flush(self) -> None:
        self.experiment.flush()

    def log_hyperparams(self, *args: Any, **kwargs: Any) -> None:
        """Does nothing: `log_outcome` writes the row once the metrics are known."""

    def log_graph(self, *args: Any, **kwargs: Any) -> None:
        """Does nothing: the network's example input is not known."""

"""TensorBoard events in the run folder, and the run's row in the HParams table."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lightning.pytorch.loggers import TensorBoardLogger
from lightning.pytorch.utilities import rank_zero_only

from cnnlab.hparams import LAST, RESULT, Column, Value, row, scalars, table
from cnnlab.metrics import CRITERION, LOSS, METRICS, RESULT_METRICS, metric_names
from cnnlab.training.run_logger import LoggedRun, RunLogger


class RunFolderTensorBoard(RunLogger, TensorBoardLogger):
    """A TensorBoard logger that writes directly into the run folder.

    TensorBoard sorts cards by name: loss and accuracy come first, all else begins with `~`.

    Args:
        save_dir: The run folder.
        purge_step: Hides what an earlier process of a resumed run logged at this step or later.
        watch: The split evaluated after every epoch.
        options: As in `torch.utils.tensorboard.SummaryWriter`.
    """

    def __init__(self, save_dir: str | Path, purge_step: int | None = None, watch: str = "val", **options: Any) -> None:
        super().__init__(save_dir, name="", version="", default_hp_metric=False, purge_step=purge_step, **options)
        self.watch = watch
        splits, metrics = ("train", watch), [metric for metric in METRICS if metric is not CRITERION]
        curves = {metric.of(split) for split in splits for metric in metrics}
        self._firsts = {*curves, f"{LOSS.of('train')}_step"}

    @classmethod
    def defaults(cls, run: LoggedRun, given: Mapping[str, Any]) -> dict[str, Any]:  # noqa: ARG003
        """The run folder, for a resumed run its first step, and the watched split."""
        return {"save_dir": run.folder, "purge_step": run.first_step, "watch": run.watch}

    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """Logs metrics under the names that TensorBoard sorts as a reader wants them."""
        super().log_metrics({tag: value for name, value in metrics.items() if (tag := self._tag(name))}, step)

    def _tag(self, name: str) -> str | None:
        """The name of a metric's card; None for what is no curve: the epoch, and the final test, which is a result."""
        if name == "epoch" or (self.watch != "test" and name in metric_names("test")):
            return None
        return name if name in self._firsts else f"{LAST}{name}"

    def add_picture(self, name: str, png: bytes, step: int) -> None:
        """Logs a picture after the curves."""
        super().add_picture(f"{LAST}pictures/{name}", png, step)

    @rank_zero_only
    def log_outcome(self, varied: Mapping[str, Value], metrics: Mapping[str, float | None], step: int) -> None:
        """Writes the run's row of the HParams table, once, at the end.

        Args:
            varied: Its columns; the same keys and types in every run that is opened together.
            metrics: The final metrics, of the selected weights; None if not measured.
            step: The last step.
        """
        self.attempt(self._add_row, varied, metrics, step)

    def _add_row(self, varied: Mapping[str, Value], metrics: Mapping[str, float | None], step: int) -> None:
        columns = [Column(name, not isinstance(value, str)) for name, value in varied.items()]
        points = {f"{RESULT}{name}": value for name, value in metrics.items() if value is not None}
        for summary in (scalars(points), table(columns, RESULT_METRICS), *row(varied)):
            self.experiment.file_writer.add_summary(summary, step)
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

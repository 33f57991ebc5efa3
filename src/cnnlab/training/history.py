"""The metrics of a run's epochs, in metrics.csv and in its checkpoints."""

import csv
import io
import time
from pathlib import Path
from typing import Any

from lightning import Callback, LightningModule, Trainer

from cnnlab.files import write_atomically
from cnnlab.metrics import ACCURACY, metric_names
from cnnlab.training.classifier import Classifier

VAL_ACCURACY = ACCURACY.of("val")  # selects the best epoch

Row = dict[str, float | int]


class History(Callback):
    """Writes metrics.csv, one row per epoch. The rows are also in the checkpoint, so a resumed run's file is complete.

    Args:
        path: The file.
        watch: The split evaluated after every epoch.
    """

    def __init__(self, path: Path, watch: str = "val") -> None:
        self.path = path
        self.columns = ["epoch", "step", "lr", *metric_names("train", watch), "seconds"]
        self.rows: list[Row] = []
        self.earlier_fit_s = 0.0  # of the whole fit, in earlier processes
        self._fit_started = time.perf_counter()
        self._earlier_s = 0.0  # of the current epoch, in earlier processes
        self._started = time.perf_counter()

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Starts the fit's clock; a resumed run's file then has the checkpoint's rows, whatever it had before."""
        self._fit_started = time.perf_counter()
        if self.rows or self.path.exists():
            self.write(trainer)

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Starts the epoch's clock."""
        self._restart_clock()

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Adds a row, and rewrites the file."""
        assert isinstance(pl_module, Classifier)
        metrics = pl_module.measured
        row: Row = {
            "epoch": trainer.current_epoch + 1,
            "step": trainer.global_step,
            "seconds": round(self._elapsed_s(), 3),
        }
        row |= {name: metrics[name] for name in self.columns if name in metrics}
        self.rows.append(row)
        self._restart_clock()
        self.write(trainer)

    def best_row(self) -> Row | None:
        """The first epoch with the best validation accuracy; None if it was not measured."""
        return max((row for row in self.rows if VAL_ACCURACY in row), key=lambda row: row[VAL_ACCURACY], default=None)

    def seconds_to(self, accuracy: float) -> float | None:
        """Seconds up to the first epoch that reaches this validation accuracy; None if none does."""
        seconds = 0.0
        for row in self.rows:
            seconds += row["seconds"]
            if row.get(VAL_ACCURACY, -1.0) >= accuracy:
                return round(seconds, 3)
        return None

    def state_dict(self) -> dict[str, Any]:
        """The rows, and the seconds that the fit and the current epoch have taken."""
        fit_s = self.earlier_fit_s + time.perf_counter() - self._fit_started
        return {"rows": list(self.rows), "fit_s": fit_s, "epoch_s": self._elapsed_s()}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Restores them."""
        self.rows = list(state_dict["rows"])
        self.earlier_fit_s = state_dict["fit_s"]
        self._restart_clock(state_dict["epoch_s"])

    def write(self, trainer: Trainer) -> None:
        """Rewrites the file, numbers in full precision."""
        if not trainer.is_global_zero:
            return
        text = io.StringIO()
        writer = csv.DictWriter(text, self.columns, lineterminator="\n", extrasaction="ignore")
        writer.writeheader()
        writer.writerows(self.rows)
        write_atomically(self.path, text.getvalue().encode())

    def _restart_clock(self, earlier_s: float = 0.0) -> None:
        self._earlier_s = earlier_s
        self._started = time.perf_counter()

    def _elapsed_s(self) -> float:
        return self._earlier_s + time.perf_counter() - self._started

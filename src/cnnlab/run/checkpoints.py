"""Which of a run's checkpoints a resume starts from, and whether the best one is there."""

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lightning.pytorch.utilities import rank_zero_only

from cnnlab.files import write_atomically
from cnnlab.run.folder import RunFolder
from cnnlab.training.checkpoint import AtomicCheckpointIO, CheckpointError, load_checkpoint
from cnnlab.training.history import History, Row

logger = logging.getLogger(__name__)

PARTS = {  # of a checkpoint: what Lightning or this program reads from it, or passes over if it is missing
    **{"global_step": int, "pytorch-lightning_version": str, "should_stop": bool},
    **{"state_dict": dict, "loops": dict, "callbacks": dict, "optimizer_states": list, "lr_schedulers": list},
    "ImageDataModule": dict,  # has the place in the epoch
}
ROW = {"epoch", "step", "seconds"}


@dataclass(frozen=True)
class Checkpoints:
    """The checkpoints of a run.

    Attributes:
        folder: The run folder.
        fingerprint: The run's; checkpoints of other runs are refused.
        selects_best: Whether the best epoch's weights will be tested.
    """

    folder: RunFolder
    fingerprint: str
    selects_best: bool

    @property
    def best(self) -> Path | None:
        """The best epoch's checkpoint, which is tested if select=best; else None."""
        return self.folder.best_checkpoint if self.selects_best else None

    def io(self) -> AtomicCheckpointIO:
        """What Lightning writes and reads them with."""
        return AtomicCheckpointIO(self.fingerprint, self.folder.last_checkpoint, self.folder.previous_checkpoint)

    def latest(self) -> tuple[Path, dict[str, Any]]:
        """The checkpoint to resume from: the last, or the previous if the last is unusable.

        Raises:
            CheckpointError: If none is usable.
        """
        last, previous = self.folder.last_checkpoint, self.folder.previous_checkpoint
        try:
            return last, self.load(last)
        except CheckpointError as error:
            try:
                earlier = self.load(previous)
            except CheckpointError as second:
                if not previous.exists():
                    raise error from None
                both = f"so is {previous}" if second.reason == error.reason else f"{previous} {second.reason}"
                raise CheckpointError(last, f"{error.reason}, and {both}", error.advice or second.advice) from None
            rank_zero_only(logger.warning)("%s %s; resuming from %s, before it", last, error.reason, previous)
            return previous, earlier

    def check_best(self, row: Row | None, resumed_step: int | None = None) -> None:
        """Checks that the best epoch's checkpoint can be tested, and restores it from another one if possible.

        Args:
            row: The best epoch so far; None if there is none.
            resumed_step: The step from which the run resumes; None at the end of the fit.

        Raises:
            CheckpointError: If it is unusable and no other checkpoint is of that epoch.
        """
        if self.best is None or row is None:
            return
        try:
            step = self.load(self.best)["global_step"]
            reason = f"is of step {step}, but the best epoch, {row['epoch']}, ends with step {row['step']}"
            advice = ""
        except CheckpointError as error:
            step, reason, advice = None, error.reason, error.advice
        if step == row["step"]:
            return
        others = [self.folder.last_checkpoint, self.folder.previous_checkpoint]
        source = next((path for path in others if self._is_of_epoch(path, row)), None)
        if source is not None:
            rank_zero_only(write_atomically)(self.best, source.read_bytes())
        elif step is None or resumed_step is None or step < resumed_step:  # else the run will come to that step again
            reason = f"{reason}; no other checkpoint has the weights of epoch {row['epoch']}"
            raise CheckpointError(self.best, reason, advice)

    def load(self, path: Path) -> dict[str, Any]:
        """A checkpoint of this run.

        Raises:
            CheckpointError: If it is unusable: Lightning would pass over some parts that are missing.
        """
        checkpoint = load_checkpoint(path, fingerprint=self.fingerprint)
        if flaw := _flaw(checkpoint):
            raise CheckpointError(path, f"is not what this version writes ({flaw})")
        return checkpoint

    def _is_of_epoch(self, path: Path, row: Row) -> bool:
        try:
            return bool(self.load(path)["global_step"] == row["step"])
        except CheckpointError:
            return False


def _flaw(checkpoint: dict[str, Any]) -> str | None:
    """Which part of a run's checkpoint is missing or of another type; None if all are as they must be."""
    for name, kind in PARTS.items():
        if not isinstance(checkpoint.get(name), kind):
            return f"its {name} is missing or no {kind.__name__}"
    if "fit_loop" not in checkpoint["loops"] or not checkpoint["optimizer_states"] or "train_totals" not in checkpoint:
        return "its loops, optimizer_states or train_totals are missing"
    history = checkpoint["callbacks"].get(History.__name__)
    if not isinstance(history, dict) or not all(isinstance(history.get(name), float) for name in ("fit_s", "epoch_s")):
        return "its history is missing"
    rows = history.get("rows")
    if not isinstance(rows, list) or not all(isinstance(row, dict) and row.keys() >= ROW for row in rows):
        return "its history has no rows"
    return None

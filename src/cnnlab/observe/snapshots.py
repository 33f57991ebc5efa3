"""The network's weights before the first step and after every epoch, as files that need no code of ours to be read."""

import io
import logging
import re
import zipfile
from pathlib import Path

import torch
from lightning import Callback, LightningModule, Trainer
from torch import nn

from cnnlab.errors import UserError
from cnnlab.files import make_folder, read_file, write_atomically

FOLDER = "snapshots"  # in the run's folder
NAME = re.compile(r"epoch_(\d{3,9})\.pt")
MAX_BYTES = 2**31

logger = logging.getLogger(__name__)


class Snapshots(Callback):
    """Saves the network's weights as `snapshots/epoch_000.pt`, `epoch_001.pt`, …: 000 is the initial network.

    A file is the network's state_dict on the CPU, floating-point numbers as float32, and `torch.load(path,
    weights_only=True)` reads it. The weights are those that train, not their average if `averaging` keeps one. A run
    that is killed and resumed ends with the same files.

    Args:
        every_n_epochs: Saves after so many epochs.
    """

    def __init__(self, every_n_epochs: int = 1) -> None:
        self.every_n_epochs = every_n_epochs

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Saves the initial network."""
        if trainer.global_step == 0:
            self._save(trainer, pl_module, 0)

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Saves the network before the epoch's checkpoint is written, from which a resume continues."""
        epoch = trainer.current_epoch + 1
        if epoch % self.every_n_epochs == 0:
            self._save(trainer, pl_module, epoch)

    def _save(self, trainer: Trainer, pl_module: LightningModule, epoch: int) -> None:
        if not trainer.is_global_zero:
            return
        folder = Path(trainer.default_root_dir, FOLDER)
        make_folder(folder)
        network = pl_module.network
        assert isinstance(network, nn.Module)
        content = io.BytesIO()
        torch.save(snapshot(network), content)
        write_atomically(folder / f"epoch_{epoch:03}.pt", content.getvalue())


def snapshot(network: nn.Module) -> dict[str, torch.Tensor]:
    """A copy of a network's state_dict on the CPU, floating-point numbers as float32.

    Args:
        network: Any.
    """
    copies = {}
    for name, tensor in network.state_dict().items():
        dtype = torch.float32 if tensor.is_floating_point() else tensor.dtype
        copies[name] = tensor.detach().to("cpu", dtype, copy=True).contiguous()
    return copies


def read_snapshots(run_folder: Path) -> dict[int, dict[str, torch.Tensor]]:
    """The snapshots of a run by epoch, in order; 0 is the initial network. A damaged one is skipped, with a warning.

    Args:
        run_folder: Of a run with callbacks=snapshots.

    Raises:
        UserError: If there is none that can be read.
    """
    try:
        paths = sorted(Path(run_folder, FOLDER).iterdir())
    except OSError:
        paths = []
    found: dict[int, dict[str, torch.Tensor]] = {}
    for path in paths:
        if (match := NAME.fullmatch(path.name)) is None:
            continue
        try:
            found[int(match[1])] = read_snapshot(path)
        except UserError as error:
            logger.warning("%s", error)
    if not found:
        raise UserError(f"{run_folder} has no {FOLDER}; give the folder of a run with callbacks=snapshots")
    return dict(sorted(found.items()))


def read_snapshot(path: Path) -> dict[str, torch.Tensor]:
    """One snapshot. Nothing in the file runs code, and its sums are checked, which torch does not.

    Args:
        path: The file.

    Raises:
        UserError: If it cannot be read, or is damaged.
    """
    try:
        content = read_file(path, MAX_BYTES)
    except OSError as error:
        raise UserError(f"cannot read {path} ({error.strerror})") from None
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            if any(file.compress_type != zipfile.ZIP_STORED for file in archive.infolist()):
                raise ValueError("its content is compressed")
            if (torn := archive.testzip()) is not None:
                raise ValueError(f"the checksum of {torn} differs")
        weights = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
        if not isinstance(weights, dict) or not all(isinstance(each, torch.Tensor) for each in weights.values()):
            raise TypeError("it holds no weights")
    except Exception as error:  # of whatever kind: the bytes may be anything
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise UserError(f"{path} is damaged ({reason}); remove it, or run the experiment again") from None
    return weights

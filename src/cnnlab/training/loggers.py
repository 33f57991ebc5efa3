"""The logger of a run: made for its folder, and closed at its end."""

from pathlib import Path
from typing import Any

from hydra.utils import get_class, instantiate
from lightning.pytorch.loggers import Logger, WandbLogger
from omegaconf import DictConfig

from cnnlab.training.build import naming
from cnnlab.training.tensorboard import RunFolderTensorBoard


def build_logger(config: DictConfig, folder: Path, purge_step: int | None = None) -> Logger | None:
    """The logger, writing into the run folder, or None.

    Args:
        config: A composed config.
        folder: The run's.
        purge_step: Of a resumed run, the step from which an earlier process's points are hidden, where they can be.
    """
    if not config.logger:
        return None
    with naming("logger"):
        resumed: dict[str, Any] = {}
        if purge_step is not None and get_class(config.logger._target_) is RunFolderTensorBoard:
            resumed["purge_step"] = purge_step
        logger: Logger = instantiate(config.logger, save_dir=str(folder), **resumed)
    return logger


def close_logger(logger: Logger) -> None:
    """Ends what the logger writes; a sweep's next job in this process gets a run of its own."""
    if isinstance(logger, RunFolderTensorBoard):
        logger.close()
    elif isinstance(logger, WandbLogger):
        import wandb  # an extra

        wandb.finish()

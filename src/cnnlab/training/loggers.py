"""Builds and closes a run's logger."""

from pathlib import Path
from typing import Any

from lightning.pytorch.loggers import Logger, WandbLogger
from omegaconf import DictConfig

from cnnlab.experiment.targets import instantiate
from cnnlab.training.build import user_errors
from cnnlab.training.tensorboard import RunFolderTensorBoard

TENSORBOARD = f"{RunFolderTensorBoard.__module__}.{RunFolderTensorBoard.__qualname__}"


def build_logger(config: DictConfig, folder: Path, purge_step: int | None = None) -> Logger | None:
    """The logger that writes into the run folder, or None.

    Args:
        config: A composed config.
        folder: The run folder.
        purge_step: For a resumed run, the step from which points of an earlier process are hidden (TensorBoard only).
    """
    if not config.logger:
        return None
    with user_errors("logger"):
        resumed: dict[str, Any] = {}
        if purge_step is not None and config.logger._target_ == TENSORBOARD:
            resumed["purge_step"] = purge_step
        logger: Logger = instantiate(config.logger, save_dir=str(folder), **resumed)
    return logger


def close_logger(logger: Logger) -> None:
    """Closes the logger, so that a sweep's next job in this process gets a new one."""
    if isinstance(logger, RunFolderTensorBoard):
        logger.close()
    elif isinstance(logger, WandbLogger):
        import wandb  # an extra

        wandb.finish()

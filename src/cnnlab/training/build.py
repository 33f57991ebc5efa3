"""Builds a run's objects from its config; an argument that a constructor rejects becomes a UserError."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from hydra.errors import InstantiationException
from lightning import Callback, Trainer
from lightning.fabric.utilities.exceptions import MisconfigurationException
from lightning.pytorch.callbacks import Checkpoint, ModelCheckpoint, ProgressBar
from lightning.pytorch.loggers import Logger
from omegaconf import DictConfig, OmegaConf
from torch import nn

from cnnlab.data import ImageDataModule
from cnnlab.errors import UserError
from cnnlab.experiment.axes import MODEL_AXES, uses_axis
from cnnlab.experiment.callbacks import UNUSABLE
from cnnlab.experiment.identity import with_fallback
from cnnlab.experiment.targets import buildable, instantiate
from cnnlab.experiment.trainer import half_mixed_on_cpu, is_half_mixed
from cnnlab.nn import Committee
from cnnlab.seeding import derive_seed
from cnnlab.training.checkpoint import AtomicCheckpointIO
from cnnlab.training.classifier import Classifier
from cnnlab.training.fast.epoch_loop import LeanEpochLoop
from cnnlab.training.fast.process import ProcessSettings

DATA_FACTS = ("name", "image_shape", "num_classes", "classes", "mean", "std", "num_train", "num_val", "num_test")
FOR_ALL_MODELS = ("compile", "channels_last", "num_members")


@contextmanager
def user_errors(group: str) -> Iterator[None]:
    """Turns a constructor's error into a UserError that names the config group."""
    try:
        yield
    except UserError:
        raise
    except InstantiationException as error:
        cause = error.__cause__
        if isinstance(cause, UserError):
            raise cause from error
        if not isinstance(cause, ValueError | TypeError | MisconfigurationException | RuntimeError | ImportError):
            raise
        raise UserError(f"{group}: {' '.join(str(cause).split())}") from error
    except (ValueError, TypeError, IndexError, MisconfigurationException, ImportError) as error:
        raise UserError(f"{group}: {' '.join(str(error).split())}") from error


def build_data(config: DictConfig) -> ImageDataModule:
    """The data module, with its fallback if the config names one."""
    return _data_module(config, None if config.data.fallback is None else _data_module(with_fallback(config)))


def _data_module(config: DictConfig, fallback: ImageDataModule | None = None) -> ImageDataModule:
    with user_errors("data"):
        files = instantiate(config.data.files, "data.files", _convert_="all")
    with user_errors("augmentation"):
        augmentation = (
            instantiate(config.augmentation, "augmentation", _convert_="all") if config.augmentation else None
        )
    return ImageDataModule(
        **{name: config.data[name] for name in DATA_FACTS},
        files=files,
        batch_size=config.data.batch_size,
        eval_batch_size=config.data.eval_batch_size,
        split_seed=config.data.split_seed,
        seed=config.seed,
        watch=config.watch,
        augmentation=augmentation,
        fallback=fallback,
    )


def build_classifier(config: DictConfig) -> Classifier:
    """The network with its initial weights, a function of the seed, its loss, optimiser and schedule."""
    torch.manual_seed(derive_seed(config.seed, "init"))
    with user_errors("model"):
        for axis in MODEL_AXES:
            if uses_axis(config, axis):
                buildable(config[axis], axis)  # here, so that an error names the axis, and not the model that has it
        settings = {name: value for name, value in config.model.items() if name not in FOR_ALL_MODELS}
        members: list[nn.Module] = [
            instantiate(settings, "model", _convert_="all") for _ in range(config.model.num_members)
        ]
        network = members[0] if len(members) == 1 else Committee(members)
    with user_errors("init"), torch.no_grad():
        instantiate(config.init, "init", _convert_="all")(network)
    if config.model.channels_last:
        network.to(memory_format=torch.channels_last)
    if config.model.compile:
        network.compile()
    with user_errors("loss"):
        loss: nn.Module = instantiate(config.loss, "loss", _convert_="all")
    return Classifier(
        network,
        loss,
        optimizer=_with_user_errors("optimizer", _optimizer_factory(config)),
        scheduler=_with_user_errors("scheduler", instantiate(config.scheduler, "scheduler", _convert_="all")),
        seed=config.seed,
        watch=config.watch,
    )


def _optimizer_factory(config: DictConfig) -> Callable[..., Any]:
    settings = dict(config.optimizer)
    if config.trainer.gradient_clip_val is not None and "mixed" in str(config.trainer.precision):
        settings.pop("fused", None)  # Lightning refuses to clip a fused optimiser's gradients there
    if settings.get("_partial_") is not True:
        raise UserError(
            "optimizer is built with the network's weights, which come later; set ++optimizer._partial_=true"
        )
    factory: Callable[..., Any] = instantiate(settings, "optimizer", _convert_="all")
    return factory


def build_trainer(
    config: DictConfig,
    folder: Path,
    callbacks: list[Callback],
    logger: Sequence[Logger] | Logger | None,
    checkpoints: AtomicCheckpointIO | None = None,
) -> Trainer:
    """Lightning's trainer, with atomic checkpoints and, if `trainer.fast`, cheaper steps."""
    bar = any(isinstance(callback, ProgressBar) for callback in callbacks)
    settings = dict(config.trainer)
    fast = settings.pop("fast", True)  # absent in the config of an older run
    if isinstance(profiler := settings.get("profiler"), DictConfig):
        settings["profiler"] = _in_folder(profiler, folder)
    with user_errors("trainer"):
        make: Callable[..., Trainer] = instantiate(settings, "trainer", _partial_=True, _convert_="all")
        try:
            trainer = make(
                default_root_dir=str(folder),
                callbacks=[*callbacks, ProcessSettings()] if fast else callbacks,
                logger=logger or False,
                plugins=[checkpoints or AtomicCheckpointIO()],
                enable_progress_bar=bar,
            )
        except RuntimeError as error:  # such as two callbacks whose states have the same key
            raise UserError(f"trainer: {' '.join(str(error).split())}") from error
    precision = config.trainer.get("precision")
    if is_half_mixed(precision) and trainer.strategy.root_device.type == "cpu":
        raise UserError(half_mixed_on_cpu(precision))  # accelerator=auto, on a machine without a GPU
    if fast:
        loop = trainer.fit_loop.epoch_loop
        trainer.fit_loop.epoch_loop = LeanEpochLoop(trainer, loop.min_steps, loop.max_steps)
    return trainer


def build_callbacks(config: DictConfig, folder: Path) -> list[Callback]:
    """The config's callbacks, in addition to those of every run.

    Args:
        config: A composed config.
        folder: The run folder; a `dirpath` is relative to it.
    """
    return [_callback(f"callbacks.{name}", settings, folder) for name, settings in config.callbacks.items() if settings]


def build_averaging(config: DictConfig) -> list[Callback]:
    """The callback that averages the weights, if the config has averaging."""
    return [_callback("averaging", config.averaging, Path())] if config.averaging else []


def _callback(place: str, settings: DictConfig, folder: Path) -> Callback:
    arguments = _in_folder(settings, folder)
    with user_errors(place):
        callback: Callback = instantiate(arguments, place, _convert_="all")
    if not isinstance(callback, Callback):
        raise UserError(f"{place} is not a lightning.Callback, but {type(callback).__name__}: correct {place}._target_")
    for base in type(callback).__mro__:
        if base.__name__ in UNUSABLE:
            raise UserError(f"{place}: {base.__name__} {UNUSABLE[base.__name__]}")
    for hook in arguments:
        if hasattr(Callback, hook) and not callable(getattr(callback, hook)):
            function = "{_target_: mypackage.function, _partial_: true}"
            raise UserError(f"{place}.{hook} must be a function, such as {function}")
    if isinstance(callback, Checkpoint):
        _place_checkpoints(place, callback, folder / "checkpoints")
    return callback


def _in_folder(settings: DictConfig, folder: Path) -> dict[str, Any]:
    """Plain settings, with a relative `dirpath` in the run folder; Lightning's is relative to the current folder."""
    container = OmegaConf.to_container(settings, resolve=True)
    assert isinstance(container, dict)
    arguments: dict[str, Any] = {str(name): value for name, value in container.items()}
    if isinstance(dirpath := arguments.get("dirpath"), str):
        arguments["dirpath"] = str(folder / Path(dirpath).expanduser())
    return arguments


def _place_checkpoints(place: str, callback: Checkpoint, folder: Path) -> None:
    """Gives a ModelCheckpoint a folder of its own beside the run's `last.ckpt` and `best.ckpt`."""
    if isinstance(callback, ModelCheckpoint) and callback.dirpath is None:
        callback.dirpath = str(folder / place.rpartition(".")[2])
    dirpath = getattr(callback, "dirpath", None)
    if dirpath is not None and Path(dirpath).resolve() == folder.resolve():
        raise UserError(f"{place}.dirpath={folder} has the run's own last.ckpt and best.ckpt; use checkpoints/<name>")
    try:
        if dirpath is not None:
            Path(dirpath).mkdir(parents=True, exist_ok=True)  # Lightning would not try before the first epoch's end
    except OSError as error:
        raise UserError(f"{place}.dirpath={dirpath} cannot be written: {error.strerror}; choose another") from error


def _with_user_errors(group: str, factory: Callable[..., Any]) -> Callable[..., Any]:
    def make(*args: Any) -> Any:
        with user_errors(group):
            return factory(*args)

    return make

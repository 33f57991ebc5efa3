"""Builds a run's objects from its config; an argument that a constructor rejects becomes a UserError."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
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

from cnnlab import kernels
from cnnlab.data import ImageDataModule
from cnnlab.errors import UserError, one_line
from cnnlab.experiment.arguments import check_arguments, with_culprit
from cnnlab.experiment.axes import MODEL_AXES, uses_axis
from cnnlab.experiment.callbacks import UNUSABLE
from cnnlab.experiment.identity import with_fallback
from cnnlab.experiment.targets import buildable, instantiate
from cnnlab.experiment.trainer import half_mixed_on_cpu, is_half_mixed
from cnnlab.nn import Committee
from cnnlab.seeding import derive_seed
from cnnlab.training.checkpoint import AtomicCheckpointIO
from cnnlab.training.classifier import Classifier
from cnnlab.training.fast.cuda_graph import CudaRecorder
from cnnlab.training.fast.eligibility import check_graph
from cnnlab.training.fast.epoch_loop import LeanEpochLoop
from cnnlab.training.fast.process import ProcessSettings
from cnnlab.training.sanity_check import (
    check_augmentation,
    check_init,
    check_network,
    check_optimizer,
    check_scheduler,
    check_step,
)

DATA_FACTS = ("name", "image_shape", "num_classes", "classes", "mean", "std", "num_train", "num_val", "num_test")
WRONG_ARGUMENT = (ValueError, TypeError, IndexError, RuntimeError, MisconfigurationException, ImportError)
CPU = torch.device("cpu")
FOR_ALL_MODELS = ("compile", "channels_last", "num_members")


@contextmanager
def user_errors(
    key: str, settings: dict[str, Any] | None = None, attempt: Callable[[dict[str, Any]], Any] | None = None
) -> Iterator[None]:
    """Turns a constructor's error into a UserError that names the part of the config.

    Args:
        key: The part.
        settings: Its plain values, to find the one that is wrong.
        attempt: Builds again with other values; None if that is not safe.
    """
    try:
        yield
    except UserError:
        raise
    except (InstantiationException, *WRONG_ARGUMENT) as error:
        cause = error.__cause__ if isinstance(error, InstantiationException) else error
        if isinstance(cause, UserError):
            raise cause from error
        if not isinstance(cause, WRONG_ARGUMENT):
            raise
        reason = one_line(cause)
        line = f"{key}: {reason}" if attempt is None else with_culprit(cause, key, settings or {}, attempt)
        raise UserError(line) from error


def build_data(config: DictConfig) -> ImageDataModule:
    """The data module, with its fallback if the config names one."""
    return _data_module(config, None if config.data.fallback is None else _data_module(with_fallback(config)))


def _data_module(config: DictConfig, fallback: ImageDataModule | None = None) -> ImageDataModule:
    augmentation = None
    if config.augmentation:
        augmentation = _build(config.augmentation, "augmentation")
        if not str(config.augmentation._target_).startswith("cnnlab."):
            check_augmentation(config, augmentation)
    return ImageDataModule(
        **{name: config.data[name] for name in DATA_FACTS},
        files=_build(config.data.files, "data.files"),
        batch_size=config.data.batch_size,
        eval_batch_size=config.data.eval_batch_size,
        split_seed=config.data.split_seed,
        seed=config.seed,
        pixel_order_seed=config.data.get("pixel_order_seed"),  # absent from older runs' configs
        watch=config.watch,
        augmentation=augmentation,
        fallback=fallback,
    )


def build_classifier(config: DictConfig, device: torch.device = CPU) -> Classifier:
    """The network with its initial weights, a function of the seed, its loss, optimiser and schedule; on the CPU.

    Args:
        config: A composed config.
        device: Where it will be trained: there a copy makes a step, so that what does not fit is refused.

    Raises:
        UserError: With the part of the config, what is allowed and what to do.
    """
    for axis in MODEL_AXES:
        if uses_axis(config, axis):
            _check_part(config[axis], axis)  # here, so that an error names the axis, and not the model that has it
    kernels.choose(config.get("kernels", "auto"))  # absent in the config of an older run
    torch.manual_seed(derive_seed(config.seed, "init"))
    network, member = _network(config, device)
    loss = _build(config.loss, "loss")
    optimizer = _factory(_optimizer_settings(config), "optimizer", check_made=check_optimizer)
    scheduler = _factory(config.scheduler, "scheduler", num_given=2, check_made=check_scheduler)
    check_step(config, member, loss, optimizer, scheduler, device)
    if config.model.compile:
        network.compile()
    return Classifier(network, loss, optimizer, scheduler, seed=config.seed, watch=config.watch)


def _network(config: DictConfig, device: torch.device) -> tuple[nn.Module, nn.Module]:
    """The network, and one of its members if it is a committee."""
    settings = {name: value for name, value in config.model.items() if name not in FOR_ALL_MODELS}
    members = [_build(settings, "model") for _ in range(config.model.num_members)]
    for member in members:
        check_network(member, str(config.model._target_))
    network = members[0] if len(members) == 1 else Committee(members)
    with torch.no_grad():
        returned = _factory(config.init, "init")(network)
    check_init(returned, network, str(config.init._target_))
    channels_last = config.model.channels_last
    if channels_last is None and device.type == "cpu" and _has_convolutions(network) and not _is_pruned(config):
        channels_last = not kernels.available()  # compiles them, if necessary
    if channels_last:
        network.to(memory_format=torch.channels_last)
    return network, members[0]


def _has_convolutions(network: nn.Module) -> bool:
    return any(isinstance(layer, nn.Conv2d) for layer in network.modules())


def _is_pruned(config: DictConfig) -> bool:
    """Whether a callback prunes the network: torch prunes only weights that are in their usual order in memory."""
    targets = (str(settings.get("_target_")) for settings in config.callbacks.values() if settings)
    return any(target.endswith("ModelPruning") for target in targets)


def _check_part(settings: DictConfig, key: str) -> None:
    """Rejects a part of networks that cannot be made without arguments, or is no module."""
    part = _factory(settings, key, num_given=0)()
    if not isinstance(part, nn.Module):
        raise UserError(
            f"{key}._target_={settings._target_} is not a torch.nn.Module, as a layer must be; choose another"
        )


def _build(settings: Any, key: str) -> Any:
    """What a config's settings build; an argument that is wrong is named."""
    plain = buildable(settings, key)
    check_arguments(plain, key)
    with user_errors(key, plain, lambda others: instantiate(others, key, _convert_="all")):
        return instantiate(plain, key, _convert_="all")


def _factory(
    settings: Any, key: str, *, num_given: int = 1, check_made: Callable[[Any, str], None] | None = None
) -> Callable[..., Any]:
    """A function of what the program gives, from settings with `_partial_`.

    Args:
        settings: A part of the config.
        key: Where it stands.
        num_given: How many arguments the program gives.
        check_made: Rejects what the function returns, given the `_target_`.
    """
    plain = buildable(settings, key)
    if plain.get("_partial_") is not True:
        raise UserError(f"{key} gets more arguments from the program, later; set ++{key}._partial_=true")
    check_arguments(plain, key, num_given)

    def make(*given: Any) -> Any:
        with user_errors(key, plain, lambda others: instantiate(others, key, _convert_="all")(*given)):
            made = instantiate(plain, key, _convert_="all")(*given)
        if check_made is not None:
            check_made(made, str(plain["_target_"]))
        return made

    return make


def _optimizer_settings(config: DictConfig) -> dict[str, Any]:
    settings = {str(name): config.optimizer[name] for name in config.optimizer}
    if config.trainer.gradient_clip_val is not None and "mixed" in str(config.trainer.precision):
        settings.pop("fused", None)  # Lightning refuses to clip a fused optimiser's gradients there
    return settings


def build_trainer(
    config: DictConfig,
    folder: Path,
    callbacks: list[Callback],
    logger: Sequence[Logger] | Logger | None,
    checkpoints: AtomicCheckpointIO | None = None,
) -> Trainer:
    """Lightning's trainer, with atomic checkpoints and, if `trainer.fast`, cheaper steps.

    Raises:
        UserError: If an argument is not allowed, or `trainer.cuda_graph` with this device or one of the callbacks.
    """
    bar = any(isinstance(callback, ProgressBar) for callback in callbacks)
    settings = dict(config.trainer)
    fast, cuda_graph = settings.pop("fast", True), settings.pop("cuda_graph", False)  # absent from older runs' configs
    if isinstance(profiler := settings.get("profiler"), DictConfig):
        settings["profiler"] = _in_folder(profiler, folder)
    with user_errors("trainer"):
        make: Callable[..., Trainer] = instantiate(settings, "trainer", _partial_=True, _convert_="all")
        trainer = make(
            default_root_dir=str(folder),
            callbacks=[*callbacks, ProcessSettings()] if fast else callbacks,
            logger=logger or False,
            plugins=[checkpoints or AtomicCheckpointIO()],
            enable_progress_bar=bar,
        )
    precision = config.trainer.get("precision")
    if is_half_mixed(precision) and trainer.strategy.root_device.type == "cpu":
        raise UserError(half_mixed_on_cpu(precision))  # accelerator=auto, on a machine without a GPU
    if cuda_graph:
        check_graph(trainer)
    if fast:
        loop, make_recorder = trainer.fit_loop.epoch_loop, CudaRecorder if cuda_graph else None
        trainer.fit_loop.epoch_loop = LeanEpochLoop(trainer, loop.min_steps, loop.max_steps, make_recorder)
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
    check_arguments(buildable(arguments, place), place)
    with user_errors(place):
        objects = {}
        if isinstance(interval := arguments.get("train_time_interval"), dict):  # of ModelCheckpoint; YAML has no type
            objects["train_time_interval"] = timedelta(**interval)
        callback: Callback = instantiate(arguments, place, _convert_="all", **objects)
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

"""The callbacks of a config: those of Lightning that a recorded run cannot use, and what the others need."""

import importlib.util
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from omegaconf import DictConfig

from cnnlab.errors import UserError
from cnnlab.experiment.trainer import num_steps
from cnnlab.metrics import METRICS, SPLITS, metric_names

LIGHTNINGS = "lightning.pytorch.callbacks."
KNOWN = (LIGHTNINGS, "cnnlab.")  # packages whose callbacks log no metric that others could monitor

# Subclasses, too. Each with its reason and the way on.
UNUSABLE = {
    "LearningRateFinder": "trains at a learning rate that it finds, which is not the recorded optimizer.lr; compare "
    "learning rates in a sweep instead: -m optimizer.lr=0.001,0.01,0.1",
    "BatchSizeFinder": "trains with the batch size that fits this machine's memory, which is not the recorded "
    "data.batch_size; set data.batch_size, or compare in a sweep: -m data.batch_size=32,64,128",
    "BackboneFinetuning": "freezes a pretrained `backbone`, which the networks here do not have; subclass "
    "BaseFinetuning for the layers that you want",
    "BasePredictionWriter": "writes the results of Trainer.predict, which a run does not call; cnnlab.apply predicts "
    "with a finished network",
    "SpikeDetection": "ends a run by an exception, and cannot load its own state (Lightning 2.6.6), so that the run "
    "would not resume; watch train/loss_step, or set trainer.gradient_clip_val",
}
# They do nothing by themselves: their subclasses do.
ABSTRACT = ("Callback", "Checkpoint", "BaseFinetuning", "ProgressBar")
NEED_LOGGER = ("DeviceStatsMonitor", "LearningRateMonitor", "ThroughputMonitor")
AVERAGES = ("StochasticWeightAveraging", "WeightAveraging", "EMAWeightAveraging")

DIRECTIONS = {metric.of(split): metric.direction for metric in METRICS for split in SPLITS}
MODES = {"minimize": "min", "maximize": "max"}


def check_callbacks(config: DictConfig) -> None:
    """Rejects callbacks that would fail or do something else than they are for.

    Args:
        config: A composed config whose values are allowed one by one.

    Raises:
        UserError: With the callback, the reason and what to do, on one line.
    """
    for place, settings in _callbacks(config):
        if not isinstance(settings, DictConfig) or not isinstance(settings.get("_target_"), str):
            raise UserError(
                f"{place} is not a callback: it needs a class, such as {place}._target_={LIGHTNINGS}EarlyStopping; "
                f"{place}=null removes it"
            )
        for problem in _problems(config, place, settings):
            raise UserError(f"{place}: {problem}" if not problem.startswith(place) else problem)


def lightning_class(settings: DictConfig) -> str:
    """The name of the class if it is one of Lightning's callbacks, else an empty text."""
    target = str(settings.get("_target_"))
    return target.rpartition(".")[2] if target.startswith(LIGHTNINGS) else ""


def measured_names(config: DictConfig) -> tuple[str, ...]:
    """The metrics that a callback can monitor."""
    validates = config.watch == "test" or config.data.num_val > 0
    watched = (config.watch,) if validates and config.trainer.get("limit_val_batches") != 0 else ()
    return (*metric_names("train", *watched), "lr")


def _callbacks(config: DictConfig) -> Iterator[tuple[str, Any]]:
    """The callbacks and the places of their settings; null and empty ones are absent."""
    for name, settings in config.callbacks.items():
        if settings is not None and settings != {}:
            yield f"callbacks.{name}", settings
    if config.averaging:
        yield "averaging", config.averaging


def _problems(config: DictConfig, place: str, settings: DictConfig) -> Iterator[str]:
    name = lightning_class(settings)
    if name in UNUSABLE:
        yield f"{name} {UNUSABLE[name]}"
    if name in ABSTRACT:
        yield f"{name} is a base class and does nothing by itself; name a subclass"
    if name in NEED_LOGGER and not config.logger:
        yield f"{name} writes to a logger, and there is none; use logger=tensorboard"
    if name in ("EarlyStopping", "ModelCheckpoint"):
        yield from _monitor(config, place, settings, name)
    if isinstance(path := settings.get("dirpath"), str) and (reason := _why_not_writable(path)):
        yield f"{place}.dirpath={path} cannot be written: {reason}; choose another, or a relative one in the run folder"
    yield from _special(config, place, settings, name)


def _monitor(config: DictConfig, place: str, settings: DictConfig, name: str) -> Iterator[str]:
    monitor, mode = settings.get("monitor"), settings.get("mode", "min")
    if mode not in MODES.values():
        yield f"{place}.mode={mode} is not allowed; it must be min or max"
    if monitor is None and name == "ModelCheckpoint":
        return  # it keeps the latest
    names = measured_names(config) + (("epoch", "step") if name == "ModelCheckpoint" else ())
    if False in (settings.get("check_on_train_epoch_end"), settings.get("save_on_train_epoch_end")):
        names = tuple(
            name for name in names if not name.startswith("train/") and name != "lr"
        )  # not after a validation
    others = [callback for _, callback in _callbacks(config) if not str(callback.get("_target_")).startswith(KNOWN)]
    if monitor not in names and not others:
        yield f"{place}.monitor={monitor} is not measured; it must be one of {', '.join(names) or 'none'}"
    if str(monitor).startswith("test/"):
        yield f"{place}.monitor={monitor} is not allowed: nothing is selected on the test set; use watch=val"
    if monitor in DIRECTIONS and mode != (right := MODES[DIRECTIONS[str(monitor)]]):
        better = "higher" if right == "max" else "lower"
        yield f"{place}.mode={mode} is not allowed: {monitor} is better when it is {better}; use {place}.mode={right}"


def _special(config: DictConfig, place: str, settings: DictConfig, name: str) -> Iterator[str]:
    if name == "Timer" and settings.get("duration") is not None and settings.get("interval", "step") != "epoch":
        interval = settings.get("interval", "step")
        yield f"{place}.interval={interval} would end a run within an epoch; use {place}.interval=epoch"
    if name in ("TQDMProgressBar", "RichProgressBar") and config.console == "bar":
        yield f"{name} and console=bar are two progress bars; use console=lines or none"
    if name == "GradientAccumulationScheduler" and config.trainer.get("accumulate_grad_batches", 1) != 1:
        yield (
            "GradientAccumulationScheduler sets trainer.accumulate_grad_batches itself, which is "
            f"{config.trainer.accumulate_grad_batches}; use trainer.accumulate_grad_batches=1"
        )
    if name == "OnExceptionCheckpoint" and not _is_relative(settings.get("dirpath")):
        yield (
            f"{place}.dirpath={settings.get('dirpath')} is not allowed: Lightning starts a fit from the checkpoint "
            "that it finds there, also another run's; use a relative path, which is in the run folder"
        )
    if name == "ModelPruning" and settings.get("make_pruning_permanent") is False:
        yield f"{place}.make_pruning_permanent=false leaves weights that cannot be read back; remove it"
    if name == "ModelPruning" and config.get("resume") is not None:
        yield (
            "ModelPruning saves no masks (Lightning 2.6.6), so that a resumed run would end in other weights; start a "
            "new run"
        )
    if name == "DeviceStatsMonitor" and settings.get("cpu_stats") is not False and _lacks_psutil(config, settings):
        yield "DeviceStatsMonitor needs the package psutil for a CPU; install it: pip install psutil"
    if name == "StochasticWeightAveraging":
        yield from _stochastic_averaging(config, place, settings)
    if name == "EMAWeightAveraging":
        yield from _average_that_never_starts(config, place, settings)
    if name == "ModelPruning" and (average := _average(config)) is not None:
        yield f"ModelPruning renames the weights that {average} has copied before; use one of them"
    if name in AVERAGES and place != "averaging" and config.averaging:
        yield f"{name} and the averaging group both replace the weights by an average; use averaging=none"


def _stochastic_averaging(config: DictConfig, place: str, settings: DictConfig) -> Iterator[str]:
    start, epochs = settings.get("swa_epoch_start", 0.8), config.trainer.max_epochs
    if type(start) is int and start > epochs:
        yield f"{place}.swa_epoch_start={start} is after the last epoch, trainer.max_epochs={epochs}; lower it"
    elif type(start) in (int, float) and (start if type(start) is int else int(epochs * start)) < 2:
        yield (
            f"{place}.swa_epoch_start={start} with trainer.max_epochs={epochs} would average the initial weights too: "
            f"an epoch's weights are taken at its start; use {place}.swa_epoch_start=2 or more, of as many epochs"
        )
    if config.select == "best":
        yield f"{place} averages after the last validation, so select=best never tests the average; use select=last"


def _average_that_never_starts(config: DictConfig, place: str, settings: DictConfig) -> Iterator[str]:
    first, steps = settings.get("update_starting_at_step"), num_steps(config)
    if type(first) is int and first >= steps:
        yield (
            f"{place}.update_starting_at_step={first} is after the last of {steps} steps, so that the initial weights "
            "would be tested; lower it"
        )


def _average(config: DictConfig) -> str | None:
    """What averages the weights, if anything does."""
    names = [lightning_class(settings) for _, settings in _callbacks(config) if isinstance(settings, DictConfig)]
    return "the averaging group" if config.averaging else next((name for name in names if name in AVERAGES), None)


def _lacks_psutil(config: DictConfig, settings: DictConfig) -> bool:
    on_cpu = config.trainer.get("accelerator") == "cpu" or settings.get("cpu_stats")
    return bool(on_cpu) and importlib.util.find_spec("psutil") is None


def _is_relative(path: Any) -> bool:
    return isinstance(path, str) and not Path(path).expanduser().is_absolute() and ".." not in Path(path).parts


def _why_not_writable(path: str) -> str | None:
    """Why nothing can be written to a folder, which need not exist; None if it can, or is relative to the run's."""
    if "://" in path:
        return "it is not a folder of this machine"
    folder = Path(path).expanduser()
    if not folder.is_absolute():
        return None
    found = next(place for place in (folder, *folder.parents) if place.exists())
    if not found.is_dir():
        return f"{found} is a file"
    return None if os.access(found, os.W_OK | os.X_OK) else f"{found} is not writable"

"""Whether two configs are the same experiment: the values that count, their fingerprint, the first difference."""

import hashlib
import json
from collections.abc import Iterator
from typing import Any, NamedTuple

from omegaconf import DictConfig, OmegaConf, open_dict

from cnnlab.experiment.axes import MODEL_AXES, uses_axis
from cnnlab.experiment.composed import without_hydra

DATA_FILES = ("data.classes", "data.fallbacks", "data.files")  # recorded in result.json under data

# Config values that cannot change the numbers of a run: paths, what is displayed and recorded, and what data.files
# determines (a shape or a number of classes that contradicts the files is rejected).
INCIDENTAL = (
    *("callbacks", "console", "data.classes", "data.fallback", "data.fallbacks", "data.files.folder"),
    *("data.image_shape", "data.num_classes", "data.root", "logger", "model.image_shape", "model.num_classes"),
    *("objective", "report", "resume", "sweep", "target", "trainer.enable_model_summary", "tuning"),
    *("trainer.enable_progress_bar", "trainer.fast", "trainer.log_every_n_steps", "trainer.num_sanity_val_steps"),
)
TIMERS = (None, "simple", "advanced")  # profilers that only time; torch's hooks every layer, which then is not fused
OBSERVERS = (  # packages and classes of callbacks that change no number; all others count
    *("cnnlab.observe.", "cnnlab.sweep.search."),
    *(
        f"lightning.pytorch.callbacks.{name}"
        for name in (
            *("DeviceStatsMonitor", "LearningRateMonitor", "ModelCheckpoint", "ModelSummary", "RichModelSummary"),
            *("RichProgressBar", "TQDMProgressBar", "ThroughputMonitor"),
        )
    ),
)
# later keys, with the values that mean what a config of before them means
SINCE = {"trainer.cuda_graph": False, "data.pixel_order_seed": None}
BATCH_LIMITS = ("trainer.limit_", "trainer.overfit_batches")  # an integer is a number of batches, else a fraction


class Difference(NamedTuple):
    """A config value that makes two configs different experiments."""

    name: str
    before: Any
    now: Any


def fingerprint(config: DictConfig) -> str:
    """A hash of all values that can change the numbers: 16 hexadecimal digits, the same on every machine.

    Args:
        config: A composed config, with or without Hydra's part.
    """
    return hashlib.sha256(json.dumps(numeric_params(config), sort_keys=True, default=str).encode()).hexdigest()[:16]


def difference(before: DictConfig, now: DictConfig) -> Difference | None:
    """The first value, by name, that makes two configs different experiments; None if they are the same."""
    now = without_hydra(now)
    today = numeric_params(now)
    OmegaConf.copy_cache(now, before)  # the time of ${now:…} makes no difference
    then = numeric_params(before)
    names = sorted(name for name in {*then, *today} if then.get(name) != today.get(name))
    return Difference(names[0], flat(before).get(names[0]), flat(now).get(names[0])) if names else None


def numeric_params(config: DictConfig) -> dict[str, Any]:
    """The values that can change the numbers of a run, under their dotted names.

    A callback counts unless it only observes; an axis counts if the model uses it. `1` and `1.0` are the same, except
    of batches: `trainer.limit_train_batches=1` is one batch, and 1.0 is all of them.
    """
    unused = tuple(f"{axis}." for axis in MODEL_AXES if not uses_axis(config, axis))
    return numeric({name: value for name, value in flat(config).items() if not name.startswith(unused)})


def numeric(params: dict[str, Any]) -> dict[str, Any]:
    """Those of flat values that can change the numbers of a run, unused axes included."""
    params = {name: _as_number(name, value) for name, value in params.items()}
    counted = tuple(f"callbacks.{name}." for name in _counted_callbacks(params))
    if params.get("trainer.profiler") in TIMERS:
        params.pop("trainer.profiler", None)
    for name, absent in SINCE.items():
        if params.get(name, absent) == absent:
            params.pop(name, None)
    return {name: value for name, value in params.items() if not _is_incidental(name) or name.startswith(counted)}


def flat_params(config: DictConfig) -> dict[str, Any]:
    """Every value under its dotted name, resolved: `{"optimizer.lr": 0.01, …}`, except the data set's files."""
    return {name: value for name, value in flat(config).items() if not name.startswith(DATA_FILES)}


def flat(config: DictConfig) -> dict[str, Any]:
    """Every value under its dotted name, resolved, without Hydra's part."""
    return dict(flatten(OmegaConf.to_container(without_hydra(config), resolve=True)))


def flatten(node: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """The leaves of nested dictionaries, under their dotted names."""
    if isinstance(node, dict) and (node or not prefix):
        for name, value in node.items():
            yield from flatten(value, f"{prefix}.{name}" if prefix else str(name))
    else:
        yield prefix, node


def with_fallback(config: DictConfig) -> DictConfig:
    """The config with `data.fallback` in place of the data set, for a run whose data set is unavailable.

    Args:
        config: A composed config that names a fallback.
    """
    changed = config.copy()
    with open_dict(changed):
        for name, value in config.data.fallbacks[config.data.fallback].items():
            changed.data[name] = value
        if config.data.num_val == 0:
            changed.data.num_val = 0  # the fallback trains on all images too
    return changed


def _as_number(name: str, value: Any) -> Any:
    if type(value) is not int:
        return value
    return "1 batch" if value == 1 and name.startswith(BATCH_LIMITS) else float(value)


def _is_incidental(name: str) -> bool:
    return any(name == key or name.startswith(f"{key}.") for key in INCIDENTAL)


def _counted_callbacks(params: dict[str, Any]) -> set[str]:
    targets = {name.split(".")[1]: str(value) for name, value in params.items() if _is_callback_target(name)}
    return {name for name, target in targets.items() if not target.startswith(OBSERVERS)}


def _is_callback_target(name: str) -> bool:
    return name.startswith("callbacks.") and name.endswith("._target_") and name.count(".") == 2

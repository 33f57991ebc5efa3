"""What is checked before anything is written or torch is imported: the user's values, and the run's folder."""

import fcntl
import importlib.util
import math
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hydra.core.hydra_config import HydraConfig
from hydra.experimental.callback import Callback
from omegaconf import DictConfig, OmegaConf

from cnnlab.config import MODEL_AXES, uses_axis
from cnnlab.errors import Carried, UserError


@dataclass(frozen=True)
class Rule:
    """What a value may be, in words and as a test."""

    allowed: str
    holds: Callable[[Any], bool]


def _integer(minimum: int, maximum: float = math.inf) -> Rule:
    words = f"an integer from {minimum}" + (f" to {maximum}" if maximum < math.inf else " up")
    return Rule(words, lambda value: type(value) is int and minimum <= value <= maximum)


def _number(words: str, holds: Callable[[float], bool]) -> Rule:
    return Rule(
        f"a number {words}",
        lambda value: type(value) in (int, float) and math.isfinite(value) and holds(value),
    )


def _one_of(*options: Any) -> Rule:
    return Rule(" or ".join(map(str, options)), lambda value: value in options)


POSITIVE = _number("> 0", lambda value: value > 0)
NOT_NEGATIVE = _number(">= 0", lambda value: value >= 0)
PROBABILITY = _number("from 0 to below 1", lambda value: 0 <= value < 1)
FRACTION = _number("from 0 to 1", lambda value: 0 <= value <= 1)

# A key that the composed config lacks is not checked: not every option has every value.
RULES = {
    "seed": _integer(0),
    "select": _one_of("last", "best"),
    "watch": _one_of("val", "test"),
    "objective": _one_of("val/acc", "val/loss"),
    "console": _one_of("auto", "bar", "lines", "lecture", "none"),
    "data.mean": _number("from 0 to 1", lambda value: 0 <= value <= 1),
    "data.std": POSITIVE,
    "data.batch_size": _integer(1),
    "data.eval_batch_size": _integer(1),
    "data.split_seed": _integer(0),
    "model.depth": _integer(1),
    "model.width": _integer(1),
    "model.dropout": PROBABILITY,
    "model.channel_dropout": PROBABILITY,
    "loss.label_smoothing": PROBABILITY,
    "optimizer.lr": POSITIVE,
    "optimizer.weight_decay": NOT_NEGATIVE,
    "optimizer.momentum": PROBABILITY,
    "scheduler.warmup": PROBABILITY,
    "scheduler.final_factor": FRACTION,
    "scheduler.initial_factor": _number("> 0 and <= 1", lambda value: 0 < value <= 1),
    "scheduler.factor": POSITIVE,
    "trainer.max_epochs": _integer(1),
    "trainer.log_every_n_steps": _integer(1),
    "trainer.accumulate_grad_batches": _integer(1),
}
OPTIONAL_PACKAGES = {"mlflow": "mlflow", "wandb": "wandb"}  # logger option to the package, and cnnlab's extra


def check(config: DictConfig, option_names: dict[str, Any], overrides: list[str]) -> None:
    """Refuses a config that cannot be run as it reads.

    Args:
        config: A composed config.
        option_names: Hydra's `runtime.choices`: group to option.
        overrides: Hydra's task overrides: what was typed.

    Raises:
        UserError: With the value, what is allowed and what to do, on one line.
    """
    for key, rule in RULES.items():
        value = OmegaConf.select(config, key, default=rule)
        if value is not rule and not rule.holds(value):
            raise UserError(f"{key}={value} is not allowed; it takes {rule.allowed}")
    _check_data(config)
    _check_axes(config, overrides)
    _check_selection(config)
    _check_logger(str(option_names.get("logger")))


def _check_data(config: DictConfig) -> None:
    data = config.data
    num_val = _integer(0, data.num_train - 1)
    if not num_val.holds(data.num_val):
        raise UserError(
            f"data.num_val={data.num_val} is not allowed; {data.name} has {data.num_train} training images, "
            f"so it takes {num_val.allowed}"
        )
    root = Path(data.root).expanduser()
    if root.exists() and not root.is_dir():
        raise UserError(f"data.root={data.root} is a file; it takes a folder (CNNLAB_DATA_DIR sets it)")
    if data.fallback is not None and data.fallback not in data.fallbacks:
        allowed = ", ".join([*data.fallbacks, "null"])
        raise UserError(f"data.fallback={data.fallback} is not allowed; data={data.name} takes {allowed}")


def _check_axes(config: DictConfig, overrides: list[str]) -> None:
    for axis in MODEL_AXES:
        typed = [text for text in overrides if text.lstrip("+").startswith((f"{axis}=", f"{axis}."))]
        if typed and not uses_axis(config, axis):
            raise UserError(
                f"{typed[0]} has no effect: {config.model._target_.rpartition('.')[2]} has no {axis} layer; "
                f"leave it out, or choose another model"
            )


def _check_selection(config: DictConfig) -> None:
    if config.select != "best":
        return
    if config.watch != "val":
        raise UserError(
            "select=best is not allowed with watch=test: nothing is selected on the test set; take watch=val"
        )
    if config.data.num_val == 0:
        raise UserError("select=best needs validation images, and data.num_val=0; take data.num_val=5000, for example")


def _check_logger(option: str) -> None:
    package = OPTIONAL_PACKAGES.get(option)
    if package is not None and importlib.util.find_spec(package) is None:
        raise UserError(f'logger={option} needs the package {package}: pip install -e ".[{option}]"')


def claim_folder(folder: Path, *, resume: bool) -> int:
    """Makes the run folder, and locks it until the process ends: no other run may have it.

    Args:
        folder: The folder.
        resume: Whether its run goes on.

    Returns:
        The file descriptor that holds the lock.

    Raises:
        UserError: If another run has it, now or since before.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = os.open(folder, os.O_RDONLY)
    except OSError as error:
        raise UserError(
            f"the run folder {folder} cannot be made: {error.strerror}; give another place with hydra.run.dir=…"
        ) from None
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(lock)
        raise UserError(f"another process is writing to {folder}; wait for it, or stop it") from None
    if not resume and _has_run(folder):
        os.close(lock)
        raise UserError(
            f"{folder} exists and is not empty, and two runs never share a folder; give another hydra.run.dir, or "
            f"go on with that run: resume={folder}"
        )
    return lock


def _has_run(folder: Path) -> bool:
    """Whether a run began here: Hydra records its overrides last, before anything else is written."""
    return (folder / ".hydra" / "overrides.yaml").exists() or any(path.name != ".hydra" for path in folder.iterdir())


class Preflight(Callback):
    """Hydra's callback before a single run: it refuses before Hydra makes or changes any file."""

    def on_run_start(self, config: DictConfig, **kwargs: Any) -> None:
        """Checks the config, then claims the folder."""
        if "LOCAL_RANK" in os.environ:
            return  # a worker of a distributed run, whose first process has done all this
        HydraConfig.instance().set_config(config)  # Hydra's own next step; the folder's name is made of it
        try:
            check(config, dict(config.hydra.runtime.choices), list(config.hydra.overrides.task))
            claim_folder(Path(config.hydra.run.dir), resume=config.resume is not None)
        except Exception as error:
            raise Carried(error) from error

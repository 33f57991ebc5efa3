"""The loggers of a config: `logger` has each under its own name, so that a run can have several."""

import importlib.util
import re
from typing import Any

from omegaconf import DictConfig

from cnnlab.errors import UserError
from cnnlab.program import as_typed

PACKAGES = {"MLFlowLogger": "mlflow", "WandbLogger": "wandb"}  # class to package, which is also cnnlab's extra
RUN_FOLDER_TENSORBOARD = "RunFolderTensorBoard"
TENSORBOARD_KEYS = ("_target_", "max_queue", "flush_secs")


def active_loggers(config: DictConfig) -> dict[str, DictConfig]:
    """The loggers by their names; `logger.<name>=null` turns one off.

    Args:
        config: A composed config.
    """
    return {str(name): logger for name, logger in config.logger.items() if logger}


def check_loggers(config: DictConfig) -> None:
    """Rejects a value that is no logger or that a logger ignores, and a logger whose package is not installed.

    Args:
        config: A composed config.

    Raises:
        UserError: With the value and what to do.
    """
    loggers = {str(name): logger for name, logger in config.logger.items() if logger is not None and logger != {}}
    named = next((name for name, logger in loggers.items() if _target(logger)), "<name>")
    for name, logger in loggers.items():
        if not isinstance(logger, DictConfig):
            shown = as_typed(logger)
            raise UserError(
                f"logger.{name}={shown} is not a logger; a logger's values are under its name: "
                f"logger.{named}.{name}={shown}"
            )
        if not _target(logger):
            raise UserError(
                f"logger.{name} is not a logger, since it has no _target_; a logger's values are under its name: "
                f"logger.{named}.{name}.…"
            )
        _check_logger(name, logger)


def nest_overrides(overrides: list[str]) -> list[str]:
    """Overrides from before loggers had names, such as `logger=wandb logger.project=x`, with `logger.wandb.project=x`.

    Args:
        overrides: Recorded overrides.
    """
    options = [override.partition("=")[2] for override in overrides if override.startswith("logger=")]
    names = re.findall(r"[^\[\],'\" ]+", options[-1]) if options else []
    name = names[-1] if names else "tensorboard"  # of several loggers, the last one counted
    return [re.sub(r"^([+~]*)logger\.", rf"\1logger.{name}.", override) for override in overrides]


def _target(logger: Any) -> str:
    return str(logger.get("_target_") or "") if isinstance(logger, DictConfig) else ""


def _check_logger(name: str, logger: DictConfig) -> None:
    kind = _target(logger).rpartition(".")[2]
    package = PACKAGES.get(kind)
    if package is not None and importlib.util.find_spec(package) is None:
        raise UserError(f'logger={name} needs the package {package}; install it: pip install -e ".[{package}]"')
    if kind in PACKAGES and logger.get("log_model", False) not in (True, False, "all"):
        raise UserError(f"logger.{name}.log_model={logger.log_model} is not allowed; it must be true, false or all")
    if kind == RUN_FOLDER_TENSORBOARD:
        for key in (str(key) for key in logger if key not in TENSORBOARD_KEYS):
            raise UserError(
                f"logger.{name}.{key}={as_typed(logger[key])} has no effect: the events are in the run folder itself, "
                f"without prefix, graph or versions; remove it, or use Lightning's own logger: "
                f"logger.{name}._target_=lightning.pytorch.loggers.TensorBoardLogger"
            )
    if kind == "MLFlowLogger" and logger.get("save_dir") is not None and logger.get("tracking_uri"):
        raise UserError(
            f"logger.{name}.save_dir={as_typed(logger.save_dir)} has no effect with "
            f"logger.{name}.tracking_uri={logger.tracking_uri}; remove it, or set logger.{name}.tracking_uri=null"
        )

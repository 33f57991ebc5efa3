"""The Optuna study of a search, in the sweep's folder or in a database."""

import json
import logging
import time
import uuid
import warnings
from pathlib import Path
from typing import Any

import optuna
from hydra.errors import InstantiationException
from hydra.utils import instantiate
from omegaconf import DictConfig
from optuna.distributions import distribution_to_json
from optuna.pruners import BasePruner, NopPruner
from optuna.samplers import BaseSampler
from optuna.storages import BaseStorage, JournalStorage, get_storage
from optuna.storages.journal import JournalFileBackend
from optuna.study import Study

from cnnlab.errors import UserError
from cnnlab.experiment.identity import numeric_params
from cnnlab.experiment.schema import as_typed
from cnnlab.files import write_atomically
from cnnlab.metrics import OBJECTIVES, SECONDS_TO_TARGET
from cnnlab.sweep.search.samplers import EveryCombination
from cnnlab.sweep.search.space import Space

EXPERIMENT = "experiment"  # user attribute of a study: what is the same in all of its trials
JOURNAL, ID = "study.journal", "study.id"
MAX_SEED = 2**32
SEARCHED = "searched: "
TABLES_S = 2.0  # more than making a database's tables takes


def quieten() -> None:
    """Silences Optuna's own lines, and its notes that a part of it may change."""
    optuna.logging.disable_default_handler()
    logging.getLogger("optuna").setLevel(logging.ERROR)
    warnings.filterwarnings("ignore", category=optuna.exceptions.ExperimentalWarning)


def open_storage(text: str) -> BaseStorage:
    """A database, or a journal file, which processes on several machines may share.

    Args:
        text: A database's URL, or the file's path.

    Raises:
        UserError: If it cannot be opened.
    """
    try:
        return _open_new_or_not(text) if "://" in text else JournalStorage(JournalFileBackend(text))
    except Exception as error:  # of SQLAlchemy, of a driver, of the system
        scheme = text.partition("://")[0] if "://" in text else "a file"
        reason = " ".join(str(error).replace(text, "…").split())  # it may hold a password
        raise UserError(
            f"hydra.sweeper.storage: {scheme} cannot be opened ({type(error).__name__}: {reason}); "
            "null keeps the study in the sweep's folder"
        ) from None


def _open_new_or_not(url: str) -> BaseStorage:
    """A database, in which another sweep may be making the tables in this moment."""
    from sqlalchemy.exc import DBAPIError  # here, since a journal needs no SQLAlchemy

    try:
        return get_storage(url)
    except DBAPIError:
        time.sleep(TABLES_S)
        return get_storage(url)


class Storage:
    """Where a study is.

    Args:
        url: A database's; None for a journal file in the sweep's folder.
        folder: The sweep's.
    """

    def __init__(self, url: str | None, folder: Path) -> None:
        self.is_own = url is None
        self.text = str(folder.resolve() / JOURNAL) if url is None else url
        self._id = folder / ID

    @property
    def is_new(self) -> bool:
        """Whether there cannot be a study yet."""
        return self.is_own and not Path(self.text).exists()

    def open(self) -> BaseStorage:
        """Makes the file, if there is none."""
        return open_storage(self.text)

    def owner(self) -> str:
        """Whose the trials are that this sweep's folder has, wherever it is moved to: 32 hexadecimal digits."""
        if not self._id.is_file():
            write_atomically(self._id, uuid.uuid4().hex.encode())
        return self._id.read_text()


def open_study(storage: BaseStorage, name: str, space: Space, config: DictConfig) -> Study:
    """Begins a study, or goes on with it.

    Args:
        storage: Where it is kept.
        name: Its own, of which a storage holds many.
        space: What is searched.
        config: A trial's, with Hydra's part.

    Raises:
        UserError: If the study there is of another experiment, or searches something else.
    """
    study = optuna.create_study(
        storage=storage, study_name=name, direction=OBJECTIVES[config.objective], load_if_exists=True
    )
    experiment = json.dumps(_experiment(config, space), sort_keys=True, default=str)
    known = study.user_attrs.get(EXPERIMENT)
    if known is None:
        if study.get_trials(deepcopy=False):
            raise UserError(f"the study {name} has trials that are not cnnlab's; give another hydra.sweeper.study_name")
        study.set_user_attr(EXPERIMENT, experiment)
    elif known != experiment:
        raise UserError(_difference(name, json.loads(known), json.loads(experiment)))
    study.pruner = make_pruner(config) or NopPruner()
    return study


def make_sampler(config: DictConfig, space: Space, drawn: int = 0) -> BaseSampler:
    """The sampler of a config.

    Args:
        config: A trial's, with Hydra's part.
        space: What is searched.
        drawn: Moves the seed on; with the same one it would draw again what it, or another, has drawn.

    Raises:
        UserError: If it refuses an argument.
    """
    settings = config.hydra.sweeper.sampler
    arguments: dict[str, Any] = {}
    if is_grid(config):
        arguments["search_space"] = space.grid()  # whose order has to stay
    elif settings.get("seed") is not None:
        arguments["seed"] = (settings.seed + drawn) % MAX_SEED
    sampler: BaseSampler = _make("sampler", settings, **arguments)
    return sampler


def is_grid(config: DictConfig) -> bool:
    """Whether it tries all combinations."""
    target = str(config.hydra.sweeper.sampler._target_)
    return target.rpartition(".")[2] == EveryCombination.__name__


def make_pruner(config: DictConfig) -> BasePruner | None:
    """The pruner of a config; None if it prunes nothing.

    Raises:
        UserError: If it refuses an argument.
    """
    pruner = _make("pruner", config.hydra.sweeper.pruner)
    return None if isinstance(pruner, NopPruner) else pruner


def try_out(config: DictConfig, space: Space) -> None:
    """Draws a trial of a study that is nowhere: what does not suit a sampler or a pruner, many do not say before.

    Raises:
        UserError: If an argument is refused.
    """
    study = optuna.create_study(sampler=make_sampler(config, space), pruner=make_pruner(config))
    try:
        trial = study.ask(space.distributions)
        trial.report(0.0, 1)
        trial.should_prune()
    except (TypeError, ValueError, ImportError) as error:
        raise UserError(f"hydra/sweeper=optuna: its sampler or its pruner refuses an argument: {error}") from None


def _make(group: str, settings: DictConfig, **arguments: Any) -> Any:
    try:
        return instantiate(settings, **arguments, _convert_="all")
    except InstantiationException as error:
        reason = " ".join(str(error.__cause__ or error).split())
        raise UserError(f"hydra/sweeper/{group}: {reason}") from None


def _experiment(config: DictConfig, space: Space) -> dict[str, Any]:
    """What trials must have in common to be compared."""
    searched = tuple(f"{name}." for name in space.distributions)
    common = {name: value for name, value in numeric_params(config).items() if not f"{name}.".startswith(searched)}
    target = {"target": config.target} if config.objective == SECONDS_TO_TARGET else {}
    values = {f"{SEARCHED}{name}": distribution_to_json(one) for name, one in space.distributions.items()}
    return {**values, **common, "objective": config.objective, **target}


def _difference(name: str, then: dict[str, Any], now: dict[str, Any]) -> str:
    keys = [key for key in {**now, **then} if then.get(key) != now.get(key)]
    searched = [key.removeprefix(SEARCHED) for key in keys if key.startswith(SEARCHED)]
    if searched:
        return (
            f"the study {name} searches {min(searched)} in another way, and its trials could not be compared; go on "
            "with the same values, or give another sweep.name"
        )
    key = min(keys)
    return (
        f"{key}={as_typed(now.get(key))}, but the study {name} has {key}={as_typed(then.get(key))}, and its trials "
        "could not be compared; go on without the change, or give another sweep.name"
    )

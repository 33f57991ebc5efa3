"""The Optuna study of a search, in the sweep's folder or in a database."""

import json
import logging
import os
import re
import sys
import time
import uuid
import warnings
from pathlib import Path
from typing import Any, TypeGuard

import optuna
from hydra.errors import InstantiationException
from omegaconf import DictConfig
from optuna.distributions import distribution_to_json
from optuna.pruners import BasePruner, NopPruner
from optuna.samplers import BaseSampler
from optuna.storages import BaseStorage, JournalStorage, RDBStorage, get_storage
from optuna.study import Study

from cnnlab.errors import UserError
from cnnlab.experiment.identity import numeric_params
from cnnlab.experiment.schema import as_typed
from cnnlab.experiment.targets import instantiate
from cnnlab.files import read_text, write_atomically
from cnnlab.metrics import OBJECTIVES, SECONDS_TO_TARGET
from cnnlab.sweep.search.journal import WholeLines, repair
from cnnlab.sweep.search.sampler_state import check_sampler_state
from cnnlab.sweep.search.samplers import EveryCombination
from cnnlab.sweep.search.space import Space

EXPERIMENT = "experiment"  # user attribute of a study: the values that all of its trials share
JOURNAL, ID = "study.journal", "study.id"
ID_FORMAT = re.compile("[0-9a-f]{32}")
MAX_SEED = 2**32
SEARCHED = "searched: "
DATABASE_WAIT_S = 30  # for a connection, or for another process's lock
TIMEOUTS = {  # a driver's argument for it
    "pysqlite": "timeout",
    **dict.fromkeys(("psycopg", "psycopg2", "pymysql", "mysqldb"), "connect_timeout"),
}
TABLE_CREATION_S = 2.0  # longer than creating a database's tables takes


def quieten() -> None:
    """Silences Optuna's log and its experimental warnings."""
    optuna.logging.disable_default_handler()
    logging.getLogger("optuna").setLevel(logging.ERROR)
    warnings.filterwarnings("ignore", category=optuna.exceptions.ExperimentalWarning)


def open_storage(text: str) -> BaseStorage:
    """Opens a database or a journal file, which processes on several machines may share.

    Args:
        text: A database URL, or the file's path.

    Raises:
        UserError: If it cannot be opened.
    """
    try:
        return _open_database(text) if "://" in text else JournalStorage(WholeLines(text))
    except Exception as error:  # by SQLAlchemy, a driver or the system
        reason = " ".join(str(error).replace(text, "…").split())  # it may hold a password
        if "://" not in text:
            raise UserError(
                f"{text} cannot be read ({type(error).__name__}: {reason}); restore a copy, or choose another "
                "sweep.name"
            ) from None
        raise UserError(
            f"hydra.sweeper.storage: {text.partition('://')[0]} cannot be opened ({type(error).__name__}: {reason}); "
            "correct the URL, or use null for a journal in the sweep's folder"
        ) from None


def _open_database(url: str) -> BaseStorage:
    """Opens a database; retries once, since another sweep may be creating the tables."""
    from sqlalchemy import create_engine, make_url  # here, since a journal needs no SQLAlchemy
    from sqlalchemy.exc import DBAPIError

    parsed = make_url(url)
    create_engine(parsed).dispose()  # connects to nothing, but fails if the driver is missing
    if parsed.host:
        print(f"opening the study's database at {parsed.host}", file=sys.stderr, flush=True)
    driver = parsed.get_driver_name()
    options = {"connect_args": {TIMEOUTS[driver]: DATABASE_WAIT_S}} if driver in TIMEOUTS else {}
    try:
        return get_storage(RDBStorage(url, engine_kwargs=options))
    except DBAPIError:
        time.sleep(TABLE_CREATION_S)
        return get_storage(RDBStorage(url, engine_kwargs=options))


def storage_errors() -> tuple[type[Exception], ...]:
    """What a database raises while it is used, if it is locked or unreachable."""
    from sqlalchemy.exc import SQLAlchemyError

    return optuna.exceptions.StorageInternalError, SQLAlchemyError


def in_words(error: Exception) -> str:
    """A storage's error on one line, without the statement and its values."""
    cause = error.__cause__ or error
    return " ".join(str(getattr(cause, "orig", None) or cause).split())


class Storage:
    """The storage of a study.

    Args:
        url: A database URL; None for a journal file in the sweep's folder.
        folder: The sweep's folder.
    """

    def __init__(self, url: str | None, folder: Path) -> None:
        self.is_journal = url is None
        self.text = str(folder.resolve() / JOURNAL) if url is None else url
        self._id = folder / ID

    @property
    def is_new(self) -> bool:
        """Whether it certainly has no study yet."""
        return self.is_journal and not Path(self.text).exists()

    def open(self) -> BaseStorage:
        """Opens the storage; creates the file if there is none, and repairs it."""
        if self.is_journal:
            repair(Path(self.text))
        return open_storage(self.text)

    def owner(self) -> str:
        """The id of the sweep's folder, which owns its trials, even after a move: 32 hexadecimal digits."""
        try:
            known = read_text(self._id) if os.path.lexists(self._id) else ""
            if not ID_FORMAT.fullmatch(known):
                known = uuid.uuid4().hex
                write_atomically(self._id, known.encode())
        except OSError as error:
            raise UserError(f"{self._id} cannot be used ({error.strerror}); remove it") from None
        return known


def open_study(storage: BaseStorage, name: str, space: Space, config: DictConfig) -> Study:
    """Creates a study, or resumes it.

    Args:
        storage: The study's storage.
        name: The study's name.
        space: The search space.
        config: A trial's config, with Hydra's part.

    Raises:
        UserError: If the existing study has another experiment or search space.
    """
    study = optuna.create_study(
        storage=storage, study_name=name, direction=OBJECTIVES[config.objective], load_if_exists=True
    )
    check_sampler_state(study.get_trials(deepcopy=False))
    experiment = json.dumps(_experiment(config, space), sort_keys=True, default=str)
    known = study.user_attrs.get(EXPERIMENT)
    if not _is_experiment(known):
        if study.get_trials(deepcopy=False):
            raise UserError(f"the study {name} was not created by cnnlab; choose another hydra.sweeper.study_name")
        study.set_user_attr(EXPERIMENT, experiment)
    elif known != experiment:
        raise UserError(_difference(name, json.loads(known), json.loads(experiment)))
    study.pruner = make_pruner(config) or NopPruner()
    return study


def _is_experiment(text: Any) -> TypeGuard[str]:
    """Whether a study's attribute is ours; anybody can write into a database."""
    try:
        return isinstance(json.loads(text), dict)
    except (TypeError, ValueError):
        return False


def make_sampler(config: DictConfig, space: Space, seed_offset: int = 0) -> BaseSampler:
    """The sampler of a config.

    Args:
        config: A trial's config, with Hydra's part.
        space: The search space.
        seed_offset: Added to the seed, so that a resumed or parallel search does not draw the same trials again.

    Raises:
        UserError: If it rejects an argument.
    """
    settings = config.hydra.sweeper.sampler
    arguments: dict[str, Any] = {}
    if is_grid(config):
        arguments["search_space"] = space.grid()  # its order must not change
    elif settings.get("seed") is not None:
        arguments["seed"] = (settings.seed + seed_offset) % MAX_SEED
    sampler: BaseSampler = _make("sampler", settings, **arguments)
    return sampler


def is_grid(config: DictConfig) -> bool:
    """Whether the sampler tries all combinations."""
    target = str(config.hydra.sweeper.sampler._target_)
    return target.rpartition(".")[2] == EveryCombination.__name__


def make_pruner(config: DictConfig) -> BasePruner | None:
    """The pruner of a config; None if it prunes nothing.

    Raises:
        UserError: If it rejects an argument.
    """
    pruner = _make("pruner", config.hydra.sweeper.pruner)
    return None if isinstance(pruner, NopPruner) else pruner


def check_sampling(config: DictConfig, space: Space) -> None:
    """Draws a trial of an in-memory study, since many samplers and pruners check their arguments only when used.

    Raises:
        UserError: If an argument is rejected.
    """
    study = optuna.create_study(sampler=make_sampler(config, space), pruner=make_pruner(config))
    try:
        trial = study.ask(space.distributions)
        trial.report(0.0, 1)
        trial.should_prune()
    except (TypeError, ValueError, ImportError) as error:
        raise UserError(f"hydra/sweeper=optuna: the sampler or the pruner rejects an argument: {error}") from None


def _make(group: str, settings: DictConfig, **arguments: Any) -> Any:
    try:
        return instantiate(settings, f"hydra.sweeper.{group}", **arguments, _convert_="all")
    except (InstantiationException, UserError) as error:
        reason = " ".join(str(error.__cause__ or error).split())
        raise UserError(f"hydra/sweeper/{group}: {reason}") from None


def _experiment(config: DictConfig, space: Space) -> dict[str, Any]:
    """The values that trials must share to be comparable."""
    searched = tuple(f"{name}." for name in space.distributions)
    common = {name: value for name, value in numeric_params(config).items() if not f"{name}.".startswith(searched)}
    target = {"target": config.target} if config.objective == SECONDS_TO_TARGET else {}
    values = {f"{SEARCHED}{name}": distribution_to_json(values) for name, values in space.distributions.items()}
    return {**values, **common, "objective": config.objective, **target}


def _difference(name: str, then: dict[str, Any], now: dict[str, Any]) -> str:
    keys = [key for key in {**now, **then} if then.get(key) != now.get(key)]
    searched = [key.removeprefix(SEARCHED) for key in keys if key.startswith(SEARCHED)]
    if searched:
        return (
            f"the study {name} has another search space for {min(searched)}, so the trials would not be comparable; "
            "resume it with the same values, or choose another sweep.name"
        )
    key = min(keys)
    return (
        f"{key}={as_typed(now.get(key))}, but the study {name} has {key}={as_typed(then.get(key))}, so the trials "
        "would not be comparable; resume it without the change, or choose another sweep.name"
    )

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
from cnnlab.experiment.targets import instantiate
from cnnlab.files import write_atomically
from cnnlab.metrics import OBJECTIVES, SECONDS_TO_TARGET
from cnnlab.sweep.search.sampler_state import check_sampler_state
from cnnlab.sweep.search.samplers import EveryCombination
from cnnlab.sweep.search.space import Space

EXPERIMENT = "experiment"  # user attribute of a study: the values that all of its trials share
JOURNAL, ID = "study.journal", "study.id"
MAX_SEED = 2**32
SEARCHED = "searched: "
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
        return _open_database(text) if "://" in text else JournalStorage(JournalFileBackend(text))
    except Exception as error:  # by SQLAlchemy, a driver or the system
        scheme = text.partition("://")[0] if "://" in text else "a file"
        reason = " ".join(str(error).replace(text, "…").split())  # it may hold a password
        raise UserError(
            f"hydra.sweeper.storage: {scheme} cannot be opened ({type(error).__name__}: {reason}); "
            "correct the URL, or use null for a journal in the sweep's folder"
        ) from None


def _open_database(url: str) -> BaseStorage:
    """Opens a database; retries once, since another sweep may be creating the tables."""
    from sqlalchemy.exc import DBAPIError  # here, since a journal needs no SQLAlchemy

    try:
        return get_storage(url)
    except DBAPIError:
        time.sleep(TABLE_CREATION_S)
        return get_storage(url)


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
        """Opens the storage; creates the file if there is none."""
        return open_storage(self.text)

    def owner(self) -> str:
        """The id of the sweep's folder, which owns its trials, even after a move: 32 hexadecimal digits."""
        if not self._id.is_file():
            write_atomically(self._id, uuid.uuid4().hex.encode())
        return self._id.read_text()


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
    if known is None:
        if study.get_trials(deepcopy=False):
            raise UserError(f"the study {name} was not created by cnnlab; choose another hydra.sweeper.study_name")
        study.set_user_attr(EXPERIMENT, experiment)
    elif known != experiment:
        raise UserError(_difference(name, json.loads(known), json.loads(experiment)))
    study.pruner = make_pruner(config) or NopPruner()
    return study


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
        return instantiate(settings, **arguments, _convert_="all")
    except InstantiationException as error:
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

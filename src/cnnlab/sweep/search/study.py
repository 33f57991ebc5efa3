"""The Optuna study of a search: its experiment, its sampler and its pruner."""

import json
import logging
import warnings
from typing import Any, TypeGuard

import optuna
from hydra.errors import InstantiationException
from omegaconf import DictConfig
from optuna.distributions import distribution_to_json
from optuna.pruners import BasePruner, NopPruner
from optuna.samplers import BaseSampler
from optuna.storages import BaseStorage
from optuna.study import Study

from cnnlab.errors import UserError, one_line
from cnnlab.experiment.identity import numeric_params
from cnnlab.experiment.targets import instantiate
from cnnlab.metrics import OBJECTIVES, SECONDS_TO_TARGET
from cnnlab.program import as_typed
from cnnlab.sweep.search.sampler_state import check_sampler_state
from cnnlab.sweep.search.samplers import EveryCombination
from cnnlab.sweep.search.space import Space

EXPERIMENT = "experiment"  # user attribute of a study: the values that all of its trials share
MAX_SEED = 2**32
SEARCHED = "searched: "


def quieten() -> None:
    """Silences Optuna's log and its experimental warnings."""
    optuna.logging.disable_default_handler()
    logging.getLogger("optuna").setLevel(logging.ERROR)
    warnings.filterwarnings("ignore", category=optuna.exceptions.ExperimentalWarning)


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
    except (TypeError, ValueError, RecursionError):
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
        reason = one_line(error.__cause__ or error)
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

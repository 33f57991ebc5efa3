"""Runs a search from its first trial to its result."""

import math
from typing import Any

from omegaconf import DictConfig, OmegaConf

from cnnlab.errors import SweepFailed, UserError
from cnnlab.metrics import SECONDS_TO_TARGET
from cnnlab.sweep.check import check_validation
from cnnlab.sweep.engines import Engine
from cnnlab.sweep.estimate import Estimate
from cnnlab.sweep.launcher import SweepLauncher
from cnnlab.sweep.plan import at_a_time_text
from cnnlab.sweep.search.best import Compose, conclude
from cnnlab.sweep.search.journal import set_aside
from cnnlab.sweep.search.space import Space
from cnnlab.sweep.search.storage import Storage, in_words, storage_errors
from cnnlab.sweep.search.study import (
    check_sampling,
    is_grid,
    make_pruner,
    make_sampler,
    open_study,
    quieten,
)
from cnnlab.sweep.search.study_info import StudyInfo
from cnnlab.sweep.search.trials import Trials
from cnnlab.sweep.sweep import TENSORBOARD, Sweep


def search(
    space: Space, launcher: SweepLauncher, compose: Compose, *, url: str | None, name: str, num_trials: int
) -> float | None:
    """Runs the remaining trials of a study.

    Args:
        space: The search space.
        launcher: Runs the trials.
        compose: Composes a trial's config, with Hydra's part, from its overrides.
        url: A database URL; None for a journal in the sweep's folder.
        name: The study's name.
        num_trials: The total number of trials, including those of earlier sweeps.

    Returns:
        The best trial's value; None if no trial completed.

    Raises:
        UserError: If a value is invalid, or the study is of another experiment.
        SweepFailed: If a trial failed, after all trials.
        Interrupted: On SIGINT or SIGTERM.
    """
    quieten()
    config = _checked(space, launcher, compose)
    if is_grid(config):
        num_trials = min(num_trials, math.prod(map(len, space.grid().values())))
    storage = Storage(url, launcher.folder)
    if config.sweep.dry_run:
        _print_plan(launcher, config, num_trials, num_done=0 if storage.is_new else None)
        print("\n".join(f"  {parameter}" for parameter in space.parameters), flush=True)
        return None
    try:
        return _search(space, launcher, compose, config, storage, name, num_trials)
    except storage_errors() as error:
        raise UserError(
            f"the study's storage cannot be used ({in_words(error)}); the same command resumes the search"
        ) from None


def _search(
    space: Space,
    launcher: SweepLauncher,
    compose: Compose,
    config: DictConfig,
    storage: Storage,
    name: str,
    num_trials: int,
) -> float | None:
    if not storage.is_journal:
        open_study(storage.open(), name, space, config)  # checked before the folder is created
    pruner: Any = OmegaConf.to_container(config.hydra.sweeper.pruner, resolve=True)
    StudyInfo(storage.text, name, config.objective, pruner).publish()
    with launcher.open_engine(config) as engine:
        study = open_study(storage.open(), name, space, config)
        set_aside(launcher.folder, len(study.get_trials(deepcopy=False)))
        owner = storage.owner()
        trials = Trials(study, space, launcher, num_trials=num_trials, owner=owner, is_exclusive=storage.is_journal)
        study.sampler = make_sampler(config, space, trials.num_started + (0 if storage.is_journal else int(owner, 16)))
        trials.report_finished()
        _print_plan(launcher, config, num_trials, num_done=trials.num_done)
        failure = _sweep(launcher, trials, engine)
        trials.record_late()
        conclude(study, space, launcher.folder, compose)
        if failure is not None:
            raise failure
    return study.best_trials[0].value if study.best_trials else None


def _sweep(launcher: SweepLauncher, trials: Trials, engine: Engine) -> SweepFailed | None:
    """Runs the trials, and returns the failure of some of them: the others have a best one all the same."""
    sweep = Sweep(
        *(launcher.folder, trials.num_todo, trials.num_done, launcher.settings),
        on_outcome=trials.record,
        next_commands=(TENSORBOARD,),  # no table of test accuracies: it would invite selection on the test set
    )
    try:
        sweep.run(engine, trials.tasks())
    except SweepFailed as failure:
        return failure
    return None


def _checked(space: Space, launcher: SweepLauncher, compose: Compose) -> DictConfig:
    """A trial's config, after a check of every choice and both ends of every interval."""
    examples = list(space.examples())
    for overrides in examples:
        launcher.check(overrides)
    config = compose(list(examples[0]))
    _check(config)
    check_sampling(config, space)
    return config


def _check(config: DictConfig) -> None:
    check_validation(config, "hydra/sweeper=optuna")
    if config.objective == SECONDS_TO_TARGET and make_pruner(config) is not None:
        raise UserError(
            "objective=seconds_to_target has no value after an epoch, so it cannot be pruned; use "
            "hydra/sweeper/pruner=none, or objective=val/acc"
        )


def _print_plan(launcher: SweepLauncher, config: DictConfig, num_trials: int, num_done: int | None) -> None:
    at_a_time = launcher.num_at_a_time
    done = f" ({num_done} done)" if num_done is not None else ""
    print(
        f"{launcher.folder}: {num_trials} trials{done}, {at_a_time_text(at_a_time)}, for {config.objective}", flush=True
    )
    if todo := max(0, num_trials - (num_done or 0)):
        estimate = Estimate.of(config, launcher.folder.parent.parent)
        print(estimate.text(todo, at_a_time=at_a_time), flush=True)

"""The first stage of a tuned sweep: trials of each configuration, of which the best one's values are chosen.

The trials are a sweep of their own, in `tuning/` inside the sweep's folder: planned, run and resumed as any sweep is.
They see validation data only, and seeds that no result is reported on.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from hydra.core.config_loader import ConfigLoader
from hydra.core.utils import JobReturn
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf, open_dict, read_write
from omegaconf.errors import OmegaConfBaseException
from yaml import YAMLError

from cnnlab.errors import UserError, one_line
from cnnlab.experiment.check import SPACES
from cnnlab.experiment.composed import job_like
from cnnlab.experiment.identity import fingerprint, flatten
from cnnlab.experiment.recipe import load_file
from cnnlab.experiment.schema import FIRST_TUNING_SEED, OF_SWEEPS
from cnnlab.files import user_path
from cnnlab.metrics import SECONDS_TO_TARGET
from cnnlab.run.folder import RunFolder
from cnnlab.run.result import objective_value
from cnnlab.sweep.check import check_jobs, check_validation
from cnnlab.sweep.estimate import Estimate
from cnnlab.sweep.launcher import prepare_folder
from cnnlab.sweep.lock import lock_sweep
from cnnlab.sweep.names import EXCLUDED, job_name
from cnnlab.sweep.tuning.record import (
    Candidate,
    Trial,
    from_other_sweep,
    read_record,
    read_record_file,
    with_recorded_results,
    write_record,
)
from cnnlab.sweep.tuning.space import LEARNING_RATE, Space, Values

FOLDER = "tuning"  # of the trials, in the sweep's folder
WIDTH = 1000.0  # the highest over the lowest learning rate of a space
UNTESTED = "trainer.limit_test_batches"

Launch = Callable[[DictConfig, Sequence[list[str]]], Sequence[JobReturn]]


@dataclass(frozen=True)
class Tuned:
    """The second stage of a sweep.

    Attributes:
        config: The sweep's, in which the tuned names are no part of a job's name.
        jobs: The overrides of each job, with the chosen values.
    """

    config: DictConfig
    jobs: list[list[str]]


def tune(
    config: DictConfig, jobs: Sequence[list[str]], loader: ConfigLoader, launch: Launch, at_a_time: int | None
) -> Tuned | None:
    """Runs the trials of a sweep's configurations, and gives its jobs the values of the best ones.

    Args:
        config: The sweep's config, with Hydra's part.
        jobs: The overrides of each job.
        loader: Hydra's.
        launch: Runs jobs under a config; returns nothing if they are only listed.
        at_a_time: How many jobs run at a time, if known.

    Returns:
        The second stage; None while the trials have no results.

    Raises:
        UserError: If a space is invalid, or nothing can be tuned.
        SweepFailed: If a trial failed.
    """
    stage = _Stage(config, loader)
    candidates = stage.candidates(jobs)
    folder = Path(config.hydra.sweep.dir)
    recorded = stage.recorded(candidates)
    new = [each for each in candidates if each.overrides not in recorded]
    if recorded:
        print(
            f"{config.tuning.record} has the trials of {len(recorded)} of {len(candidates)} configurations", flush=True
        )
    results: list[Candidate] | None = []
    if new:
        known = with_recorded_results(new, read_record(folder), config.objective, stage.seeds)
        if known is None:
            print(stage.cost(len(jobs), new, at_a_time), flush=True)
        returned = launch(stage.config_of_trials(), stage.jobs(new))
        results = stage.with_results(new, returned) if returned else known
    if results is None:
        return None
    tuned = recorded | {each.overrides: each for each in results}
    finished = [tuned[each.overrides] for each in candidates]
    if not config.sweep.dry_run:
        prepare_folder(folder)
        with lock_sweep(folder):  # which another command may be running with other values
            write_record(folder, config.sweep.tune, config.objective, stage.seeds, finished)
    print("\n".join(stage.lines(finished)), flush=True)
    chosen = {each.overrides: stage.overrides_of(each, each.best(config.objective)) for each in finished}
    names = {name for each in finished for name in each.space.texts}
    return Tuned(_with_excluded(config, names), [[*job, *chosen[_without_seed(job)]] for job in jobs])


class _Stage:
    """What the trials of one sweep have in common.

    Args:
        config: The sweep's, with Hydra's part.
        loader: Hydra's.
    """

    def __init__(self, config: DictConfig, loader: ConfigLoader) -> None:
        self.config, self._loader = config, loader
        self.seeds: list[int] = list(config.tuning.seeds)
        self._composed: dict[tuple[str, ...], DictConfig] = {}

    def candidates(self, jobs: Sequence[list[str]]) -> list[Candidate]:
        """The configurations among jobs, each with what is to be tried."""
        _check_seeds(jobs, self.config.seed)
        found = [self._candidate(overrides) for overrides in dict.fromkeys(map(_without_seed, jobs))]
        examples = [
            [*each.overrides, *_as_overrides(self._composed[each.overrides], values)]
            for each in found
            for values in each.space.examples()
        ]
        check_jobs(self._loader, self.config, examples)
        return found

    def recorded(self, candidates: Sequence[Candidate]) -> dict[tuple[str, ...], Candidate]:
        """The candidates that `tuning.record` has the results of, by their overrides."""
        path = self.config.tuning.record
        if path is None:
            return {}
        record = read_record_file(user_path(path))
        if record is None:
            raise UserError(
                f"tuning.record={path} is not the record of a tuning; give the tuning.json of a sweep, or leave it out"
            )
        found = (from_other_sweep(each, record, self.config.objective, self.seeds) for each in candidates)
        return {each.overrides: each for each in found if each is not None}

    def jobs(self, candidates: Sequence[Candidate]) -> list[list[str]]:
        """The overrides of every trial and seed."""
        return [
            [*each.overrides, *self.overrides_of(each, trial), f"{UNTESTED}=0", f"seed={seed}"]
            for each in candidates
            for trial in each.trials
            for seed in self.seeds
        ]

    def with_results(self, candidates: Sequence[Candidate], returned: Sequence[JobReturn]) -> list[Candidate]:
        """The candidates with what became of their trials."""
        results = iter([RunFolder(Path(str(run.working_dir))).result() or {} for run in returned])

        def finished(trial: Trial) -> Trial:
            of_seeds = [next(results) for _ in self.seeds]
            return replace(
                trial,
                scores=tuple(map(self._score, of_seeds)),
                statuses=tuple(str(result.get("status")) for result in of_seeds),
                fit_s=sum(float(result.get("seconds", {}).get("fit") or 0.0) for result in of_seeds),
            )

        return [replace(each, trials=tuple(map(finished, each.trials))) for each in candidates]

    def _score(self, result: dict[str, Any]) -> float | None:
        """A run's objective; it may have been another when it ran, which changes nothing else of it."""
        params, objective = dict(result.get("params") or {}), self.config.objective
        if objective == SECONDS_TO_TARGET and params.get("target") != self.config.target:
            raise UserError(
                f"target={self.config.target} is not that of the trials ({params.get('target')}), whose times to it "
                "are unknown; use the same, or another sweep.name"
            )
        return objective_value({**result, "params": {**params, "objective": objective}})

    def overrides_of(self, candidate: Candidate, trial: Trial | None) -> list[str]:
        """The overrides that set a trial's values; none for the defaults."""
        composed = self._composed[candidate.overrides]
        return [] if trial is None else _as_overrides(composed, trial.values)

    def config_of_trials(self) -> DictConfig:
        """The sweep's config with the folder of the trials."""
        config = _with_excluded(self.config, {UNTESTED}, {"seed"})
        with read_write(config):
            config.sweep.fail_on_divergence = False  # it is a trial's result, below every number
        with read_write(config.hydra):
            config.hydra.sweep.dir = str(Path(config.hydra.sweep.dir) / FOLDER)
        return config

    def cost(self, num_jobs: int, candidates: Sequence[Candidate], at_a_time: int | None) -> str:
        """What both stages will take, before any of them begins."""
        num_trials = max(len(each.trials) for each in candidates)
        num_runs = sum(len(each.trials) for each in candidates) * len(self.seeds)
        outputs = Path(self.config.hydra.sweep.dir).parent.parent
        estimate = Estimate.of(self._composed[candidates[0].overrides], outputs)
        duration = estimate.text(num_runs, num_jobs, at_a_time=at_a_time)
        return (
            f"sweep.tune={self.config.sweep.tune}: runs on validation data: {num_runs} (configurations: "
            f"{len(candidates)}, trials of each: {num_trials}, seeds: {len(self.seeds)}), then jobs with the best "
            f"values: {num_jobs}; in all {duration}; sweep.tune=false runs only jobs with the defaults"
        )

    def lines(self, candidates: Sequence[Candidate]) -> Iterator[str]:
        """What was chosen."""
        constant = {*OmegaConf.select(self.config, EXCLUDED), "seed"}
        objective = self.config.objective
        for each in candidates:
            name = job_name(each.overrides, constant) if len(candidates) > 1 else "the configuration"
            best = each.best(objective)
            if best is None:
                yield f"  {name}: no trial of {len(each.trials)} has a result; its defaults are used"
                continue
            values = ", ".join(f"{key}={value}" for key, value in best.values.items())
            score = f"{objective} {abs(best.score(objective)):.4g}, the best of {len(each.trials)}"
            edges = [f"{key} is at the edge of its range" for key in each.space.at_edge(best.values)]
            yield "; ".join([f"  {name}: {values} ({score})", *edges])

    def _candidate(self, overrides: tuple[str, ...]) -> Candidate:
        config = job_like(self._loader.load_sweep_config(self.config, list(overrides)))
        self._composed[overrides] = config
        method, num = self.config.sweep.tune, self.config.tuning.num_trials
        check_validation(config, f"sweep.tune={method}", "; or add sweep.tune=false")
        space = Space.of(self._declared(config))
        if method == "lr":
            space = space.of_learning_rate()
        keys = {text.partition("=")[0].lstrip("+~") for text in overrides}
        if given := next((name for name in space.texts if name in keys), None):
            raise UserError(
                f"{given} is given, and would be tuned; leave it out, or add sweep.tune=false, which tunes nothing"
            )
        key = job_name(overrides, OmegaConf.select(self.config, EXCLUDED))
        points = space.even(num) if method == "lr" else space.random(num, key, self.seeds[0])
        return Candidate(overrides, space, tuple(map(Trial, points)), fingerprint(config))

    def _declared(self, config: DictConfig) -> dict[str, Any]:
        """The space of a configuration: the sweep's own, else that of its optimiser."""
        own = self.config.tuning.space
        if own is not None:
            return dict(flatten(OmegaConf.to_container(own, resolve=True)))
        option = config.hydra.runtime.choices.optimizer
        try:
            content = load_file(self.config, self._loader, f"{SPACES}/{option}")
        except (YAMLError, HydraException, OmegaConfBaseException) as error:
            raise UserError(
                f"{SPACES}/{option}.yaml cannot be read ({one_line(error)}); mend it, or add sweep.tune=false"
            ) from None
        if not content:  # an optimiser of the user's own
            return {LEARNING_RATE: _around(config.optimizer.lr)}
        found = {f"optimizer.{key!s}": value for key, value in content.items()}
        if wrong := next((each for each in Space.of(found).parameters if not each.has_numbers_only), None):
            raise UserError(
                f"conf/{SPACES}/{option}.yaml: {wrong.name}: {wrong.text} is not allowed; a file there holds numbers "
                "only: give other values with tuning.space on the command line"
            )
        return found


def _check_seeds(jobs: Sequence[list[str]], default: int) -> None:
    given = [text.partition("=")[2] for job in jobs for text in job if text.lstrip("+").startswith("seed=")]
    seeds = [int(seed) for seed in given if seed.isdigit()] or [default]
    if max(seeds) >= FIRST_TUNING_SEED:
        raise UserError(
            f"seed={max(seeds)} is not allowed with sweep.tune: seeds from {FIRST_TUNING_SEED} are for tuning; use "
            "smaller ones, such as seed=range(0,10)"
        )


def _around(rate: float) -> str:
    """A space around a default learning rate, as wide as those of conf/."""
    return f"tag(log,interval({rate / WIDTH**0.5:.4g},{rate * WIDTH**0.5:.4g}))"


def _without_seed(job: Sequence[str]) -> tuple[str, ...]:
    return tuple(text for text in job if not text.lstrip("+~").startswith(("seed=", *OF_SWEEPS)))


def _as_overrides(config: DictConfig, values: Values) -> list[str]:
    """Overrides that set values, also those that the option's file leaves to its class."""
    return [f"{'' if _has(config, name) else '+'}{name}={value}" for name, value in values.items()]


def _has(config: DictConfig, name: str) -> bool:
    parent, _, key = name.rpartition(".")
    node = OmegaConf.select(config, parent) if parent else config
    return isinstance(node, DictConfig) and key in node


def _with_excluded(config: DictConfig, added: set[str], removed: set[str] = frozenset()) -> DictConfig:  # type: ignore[assignment]
    """A sweep's config with other names that are no part of a job's name."""
    changed = config.copy()
    excluded = {*OmegaConf.select(config, EXCLUDED), *added} - removed
    with read_write(changed.hydra), open_dict(changed.hydra):
        OmegaConf.update(changed, EXCLUDED, sorted(excluded), merge=False)
    return changed

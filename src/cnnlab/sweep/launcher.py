"""What Hydra's launchers of ours have in common: only where the jobs run is their own."""

import sys
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from hydra._internal.utils import get_args_parser
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.utils import JobReturn, JobStatus
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig

from cnnlab.cli.preflight import check_job
from cnnlab.errors import UserError
from cnnlab.experiment.identity import without_hydra
from cnnlab.run.result import objective_value, read_result
from cnnlab.run.resume import SINGLE_RUN, quote
from cnnlab.sweep.engines import Engine
from cnnlab.sweep.estimate import Estimate
from cnnlab.sweep.job import Job
from cnnlab.sweep.known import DigestOfConfig, KnownJobs
from cnnlab.sweep.lock import sole_sweep
from cnnlab.sweep.outcome import outcome_before
from cnnlab.sweep.plan import Action, announce, job_name, plan
from cnnlab.sweep.sweep import Settings, Sweep
from cnnlab.sweep.task import Task

NOT_A_JOBS = (
    *("hydra/launcher", "hydra.launcher", "hydra/sweeper", "hydra.sweeper", "hydra.sweep", "hydra.mode", "hydra.run"),
    "hydra.job.config.override_dirname",
)


class SweepLauncher(Launcher, ABC):
    """Does what is missing of a sweep."""

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        """Takes what Hydra has.

        Raises:
            UserError: If the sweep's folders would not be what it counts on, or a value is not allowed.
        """
        if config.hydra.output_subdir is None:
            raise UserError("hydra.output_subdir=null is not for a sweep, which finds its runs by what is there")
        if any(text.lstrip("+").startswith("hydra.sweep.subdir=") for text in config.hydra.overrides.hydra):
            raise UserError(
                "hydra.sweep.subdir is not read: a job's folder is named by what is swept, so that the sweep finds it "
                "again; leave it out, or take hydra/launcher=basic"
            )
        self._context, self.config = hydra_context, config
        self.check_values()

    def check_values(self) -> None:
        """Refuses values of the launcher's own that are not allowed, before anything is written.

        Raises:
            UserError: With the value, what is allowed and what to do.
        """

    @property
    @abstractmethod
    def num_at_a_time(self) -> int | None:
        """How many jobs run at a time; None if that is not known beforehand."""

    @abstractmethod
    def make_engine(self, config: DictConfig) -> Engine:
        """Where the jobs run.

        Args:
            config: One of theirs.
        """

    @property
    def folder(self) -> Path:
        """The sweep's."""
        return Path(self.config.hydra.sweep.dir)

    @property
    def settings(self) -> Settings:
        """How it is run."""
        return Settings(self.config.sweep.fail_fast, self.config.sweep.fail_on_divergence)

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[JobReturn]:
        """Runs what is missing of these jobs."""
        constant = _constant_keys(self.config)
        jobs = _each_once([self.make_job(overrides, job_name(overrides, constant)) for overrides in job_overrides])
        config = self.compose(jobs[0])
        estimate = Estimate.of(config, self.folder.parent.parent)
        if self.config.sweep.dry_run:
            announce(self.folder, plan(jobs, self.compose, self._known()), self.num_at_a_time, estimate, every=True)
            return []
        with self.at_work(config) as engine:
            known = self._known()
            steps = plan(jobs, self.compose, known)
            announce(self.folder, steps, self.num_at_a_time, estimate)
            todo = [step.job for step in steps if step.action is not Action.SKIP]
            done = [outcome_before(step.job) for step in steps if step.action is Action.SKIP]
            sweep = Sweep(self.folder, len(todo), len(done), self.settings, heard=known.hear, before=done)
            sweep.run(engine, map(self.make_task, known.noting(todo)))
        return [_returned(step.job) for step in steps]

    @contextmanager
    def at_work(self, config: DictConfig) -> Iterator[Engine]:
        """Has the sweep's folder for itself, and a place where its jobs run.

        Args:
            config: One of theirs.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        with sole_sweep(self.folder):
            yield self.make_engine(config)

    def make_job(self, overrides: Iterable[str], name: str) -> Job:
        """A job of this sweep.

        Args:
            overrides: What is set for it.
            name: Of its folder.
        """
        kept = tuple(text for text in overrides if not text.lstrip("+~").startswith("sweep."))
        return Job(name, kept, self.folder / name)

    def make_task(self, job: Job) -> Task:
        """The command that runs it."""
        folder = f"hydra.run.dir={quote(job.folder)}"
        arguments = (*self._flags(), *job.overrides, folder, SINGLE_RUN)
        return Task(job, Path(sys.argv[0]).resolve(), arguments)

    def check(self, overrides: Iterable[str]) -> None:
        """Refuses a job with these overrides, if it could not be run.

        Raises:
            UserError: With the value, what is allowed and what to do.
        """
        check_job(self._context.config_loader, self.config, list(overrides))

    def compose(self, job: Job) -> DictConfig:
        """A job's config as it is now."""
        return without_hydra(self._context.config_loader.load_sweep_config(self.config, list(job.overrides)))

    def _known(self) -> KnownJobs:
        return KnownJobs(self.folder / "known.jsonl", DigestOfConfig(self.config))

    def _flags(self) -> list[str]:
        typed = get_args_parser().parse_args()
        named = {
            "--config-path": typed.config_path,
            "--config-name": typed.config_name,
            "--config-dir": typed.config_dir,
        }
        flags = [text for flag, value in named.items() if value is not None for text in (flag, value)]
        typed_for_hydra = self.config.hydra.overrides.hydra
        return [*flags, *(text for text in typed_for_hydra if not text.lstrip("+~").startswith(NOT_A_JOBS))]


def _each_once(jobs: list[Job]) -> list[Job]:
    """The jobs without those that are typed twice."""
    if not jobs:
        raise UserError("this sweep has no jobs: one of the swept values is an empty list; see --help for the options")
    by_name: dict[str, Job] = {}
    for job in jobs:
        same = by_name.setdefault(job.name, job)
        if same.overrides != job.overrides:
            both = " and ".join(" ".join(one.overrides) for one in (same, job))
            raise UserError(f"two jobs would share the folder {job.name}: {both}; set each key once")
    return list(by_name.values())


def _constant_keys(config: DictConfig) -> set[str]:
    params = [f"{key}={value}" for key, value in (config.hydra.sweeper.get("params") or {}).items()]
    parsed = OverridesParser.create().parse_overrides([*params, *config.hydra.overrides.task])
    last = {override.key_or_group: override for override in parsed}  # what is typed replaces what a file sweeps
    return {key for key, override in last.items() if not override.is_sweep_override()}


def _returned(job: Job) -> JobReturn:
    result = read_result(job.folder)
    returned = JobReturn(overrides=list(job.overrides), working_dir=str(job.folder), status=JobStatus.COMPLETED)
    returned.return_value = None if result is None else objective_value(result)
    return returned

"""What Hydra's launchers of ours have in common: only where the jobs run is their own."""

import argparse
import sys
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from hydra.core.utils import JobReturn, JobStatus
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, OmegaConf

from cnnlab.errors import UserError
from cnnlab.experiment.identity import without_hydra
from cnnlab.run.result import objective_value
from cnnlab.run.resume import SINGLE_RUN, quote
from cnnlab.sweep.check import check_job
from cnnlab.sweep.engines import Engine
from cnnlab.sweep.estimate import Estimate
from cnnlab.sweep.job import Job
from cnnlab.sweep.known import DigestOfConfig, KnownJobs
from cnnlab.sweep.lock import sole_sweep
from cnnlab.sweep.names import EXCLUDED, job_name
from cnnlab.sweep.outcome import outcome_before
from cnnlab.sweep.plan import Action, announce, each_once, plan
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
            UserError: If the sweep's folders would not be what it counts on.
        """
        if config.hydra.output_subdir is None:
            raise UserError("hydra.output_subdir=null is not for a sweep, which finds its runs by what is there")
        if any(text.lstrip("+").startswith("hydra.sweep.subdir=") for text in config.hydra.overrides.hydra):
            raise UserError(
                "hydra.sweep.subdir is not read: a job's folder is named by what is swept, so that the sweep finds it "
                "again; leave it out, or take hydra/launcher=basic"
            )
        self._context, self.config = hydra_context, config

    def check_available(self) -> None:
        """Refuses to start where its jobs cannot run.

        Raises:
            UserError: With what to do.
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
        constant = list(OmegaConf.select(self.config, EXCLUDED))
        jobs = each_once(self.make_job(overrides, job_name(overrides, constant)) for overrides in job_overrides)
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
        self.check_available()
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
        return Job.in_sweep(self.folder, name, kept)

    def make_task(self, job: Job) -> Task:
        """The command that runs it."""
        folder = f"hydra.run.dir={quote(job.folder.path)}"
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
        typed_for_hydra = self.config.hydra.overrides.hydra
        return [*_config_flags(), *(text for text in typed_for_hydra if not text.lstrip("+~").startswith(NOT_A_JOBS))]


def _config_flags() -> list[str]:
    """Those of Hydra's flags on the command line that say which config it is."""
    parser = argparse.ArgumentParser(add_help=False)  # which takes --config-n as Hydra does
    for short, long in (("-cp", "--config-path"), ("-cn", "--config-name"), ("-cd", "--config-dir")):
        parser.add_argument(short, long)
    typed = vars(parser.parse_known_args()[0])
    flags = {f"--{name.replace('_', '-')}": value for name, value in typed.items() if value is not None}
    return [text for flag in flags.items() for text in flag]


def _returned(job: Job) -> JobReturn:
    result = job.folder.result()
    returned = JobReturn(overrides=list(job.overrides), working_dir=str(job.folder), status=JobStatus.COMPLETED)
    returned.return_value = None if result is None else objective_value(result)
    return returned

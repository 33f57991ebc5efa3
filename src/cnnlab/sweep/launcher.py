"""The base class of our Hydra launchers, which differ only in where the jobs run."""

import errno
import os
import shutil
import sys
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from hydra.core.utils import JobReturn, JobStatus
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, OmegaConf

from cnnlab.errors import UserError
from cnnlab.experiment.composed import texts, without_hydra
from cnnlab.experiment.loader import settled
from cnnlab.experiment.schema import OF_SWEEPS
from cnnlab.files import make_folder, write_atomically
from cnnlab.run.claim import REMOVED
from cnnlab.run.flags import CommandLine
from cnnlab.run.flaws import find_flaw
from cnnlab.run.result import objective_value
from cnnlab.run.resume import SINGLE_RUN, quote
from cnnlab.sweep.check import check_job
from cnnlab.sweep.current import record_current
from cnnlab.sweep.engines import Engine
from cnnlab.sweep.estimate import Estimate
from cnnlab.sweep.job import LOGS, Job
from cnnlab.sweep.known import DigestOfConfig, KnownJobs
from cnnlab.sweep.lock import lock_sweep, unusable
from cnnlab.sweep.names import EXCLUDED, job_name
from cnnlab.sweep.outcome import earlier_outcome
from cnnlab.sweep.plan import Action, check_case, plan, print_plan, unique_jobs
from cnnlab.sweep.sweep import Settings, Sweep
from cnnlab.sweep.task import Task

SWEEP_KEYS = (
    *("hydra/launcher", "hydra.launcher", "hydra/sweeper", "hydra.sweeper", "hydra.sweep", "hydra.mode", "hydra.run"),
    "hydra.job.config.override_dirname",
)


class SweepLauncher(Launcher, ABC):
    """Runs the remaining jobs of a sweep.

    Attributes:
        next_commands: Commands to suggest at the end; None for those of `Sweep`.
        outputs: Where earlier runs are, from which the duration is estimated; None for the parent of `sweeps/`.
    """

    next_commands: tuple[str, ...] | None = None
    outputs: Path | None = None

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        """Stores Hydra's context and config.

        Raises:
            UserError: If the config changes how the sweep names its folders.
        """
        if config.hydra.output_subdir is None:
            raise UserError("hydra.output_subdir=null is not allowed in a sweep, which finds its runs by it; remove it")
        if any(text.lstrip("+").startswith("hydra.sweep.subdir=") for text in texts(config.hydra.overrides.hydra)):
            raise UserError(
                "hydra.sweep.subdir is not allowed: a job's folder is named after its swept values, so that the sweep "
                "can resume; remove it, or use hydra/launcher=basic"
            )
        self._context, self.config = settled(hydra_context), config

    def check_available(self) -> None:
        """Checks that jobs can run here.

        Raises:
            UserError: If they cannot, with what to do.
        """

    def warm_up(self, config: DictConfig) -> None:
        """Starts what the first job would wait for, while the sweep is planned; `close` ends it.

        Args:
            config: The config of one job.
        """

    def take_over(self, other: "SweepLauncher") -> None:
        """Takes what another launcher of the sweep has started by `warm_up`, and not used."""

    def close(self) -> None:
        """Ends what `warm_up` has started, if it was not used."""

    @property
    @abstractmethod
    def num_at_a_time(self) -> int | None:
        """How many jobs run at a time; None if unknown."""

    @abstractmethod
    def make_engine(self, config: DictConfig) -> Engine:
        """The engine that runs the jobs.

        Args:
            config: The config of one job.
        """

    @property
    def folder(self) -> Path:
        """The sweep's folder."""
        return Path(self.config.hydra.sweep.dir)

    @property
    def settings(self) -> Settings:
        """The sweep's settings."""
        return Settings(self.config.sweep.fail_fast, self.config.sweep.fail_on_divergence)

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[JobReturn]:
        """Runs those of these jobs that are not done."""
        jobs = self.jobs(job_overrides, initial_job_idx)
        config = self.compose(jobs[0])
        estimate = Estimate.of(config, self.outputs or self.folder.parent.parent)
        if self.config.sweep.dry_run:
            steps = plan(jobs, self.compose, self._known(), self._options())
            print_plan(self.folder, steps, self.num_at_a_time, estimate, list_all=True)
            return []
        with self.open_engine(config) as engine:
            check_case(self.folder, jobs)
            write_record(self.config, self.folder)
            known = self._known()
            steps = plan(jobs, self.compose, known, self._options())
            print_plan(self.folder, steps, self.num_at_a_time, estimate)
            record_current(self.folder, (step.job for step in steps))
            todo = [step.job for step in steps if step.action is not Action.SKIP]
            done = [earlier_outcome(step.job) for step in steps if step.action is Action.SKIP]
            sweep = Sweep(
                *(self.folder, len(todo), len(done), self.settings),
                on_outcome=known.record,
                next_commands=self.next_commands,
                earlier=done,
            )
            sweep.run(engine, map(self.make_task, known.track_starts(todo)))
        return [_job_return(step.job) for step in steps]

    def jobs(self, job_overrides: Sequence[Sequence[str]], first: int = 0) -> list[Job]:
        """The jobs with these overrides.

        Args:
            job_overrides: Of each job.
            first: The number of the first one.

        Raises:
            UserError: If there are none, or two would share a folder.
        """
        constant = list(OmegaConf.select(self.config, EXCLUDED))
        return unique_jobs(
            self.make_job(overrides, job_name(overrides, constant), number)
            for number, overrides in enumerate(job_overrides, start=first)
        )

    @contextmanager
    def open_engine(self, config: DictConfig) -> Iterator[Engine]:
        """Locks the sweep's folder and provides the engine.

        Args:
            config: The config of one job.
        """
        self.check_available()
        prepare_folder(self.folder)
        prepare_folder(self.folder / LOGS, may_be_link=False)  # the jobs would write where it points
        with lock_sweep(self.folder):
            for remains in self.folder.glob(f"{REMOVED}*"):  # a kill came in between
                shutil.rmtree(remains, ignore_errors=True)
            with closing(self.make_engine(config)) as engine:
                yield engine

    def make_job(self, overrides: Iterable[str], name: str, number: int) -> Job:
        """A job of this sweep.

        Args:
            overrides: The job's overrides.
            name: The name of its folder.
            number: Its position in the sweep, from 0.
        """
        kept = tuple(text for text in overrides if not text.lstrip("+~").startswith(OF_SWEEPS))
        return Job.in_sweep(self.folder, name, kept, number)

    def make_task(self, job: Job) -> Task:
        """The command that runs the job."""
        folder = f"hydra.run.dir={quote(job.folder.path)}"
        arguments = (*self._flags(), *job.overrides, *_job_keys(job), folder, SINGLE_RUN)
        return Task(job, Path(sys.argv[0]).resolve(), arguments)

    def check(self, overrides: Iterable[str]) -> None:
        """Rejects invalid overrides of a job.

        Raises:
            UserError: With the value, what is allowed and what to do.
        """
        check_job(self._context.config_loader, self.config, list(overrides))

    def compose(self, job: Job) -> DictConfig:
        """A job's current config."""
        config = self._context.config_loader.load_sweep_config(self.config, [*job.overrides, *_job_keys(job)])
        config.hydra.runtime.output_dir = str(job.folder.path.absolute())
        return without_hydra(config)

    def _options(self) -> dict[str, Any]:
        """The sweep's option of each config group."""
        return {str(group): option for group, option in self.config.hydra.runtime.choices.items()}

    def _known(self) -> KnownJobs:
        return KnownJobs(self.folder / "known.jsonl", DigestOfConfig(self.config))

    def _flags(self) -> list[str]:
        typed_for_hydra = texts(self.config.hydra.overrides.hydra)
        return [*_config_flags(), *(text for text in typed_for_hydra if not text.lstrip("+~").startswith(SWEEP_KEYS))]


def prepare_folder(folder: Path, *, may_be_link: bool = True) -> None:
    """Creates a folder of a sweep, unless it exists.

    Raises:
        UserError: If something else is in its place, or it cannot be created or written.
    """
    try:
        if may_be_link:
            folder.mkdir(parents=True, exist_ok=True)
        else:
            make_folder(folder)
        if not os.access(folder, os.W_OK | os.X_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
    except OSError as error:
        raise unusable(folder, error) from None


def write_record(config: DictConfig, folder: Path) -> None:
    """Writes multirun.yaml, which nothing reads: a sweep goes on without it."""
    try:
        write_atomically(folder / "multirun.yaml", OmegaConf.to_yaml(config).encode())
    except OSError as error:
        print(f"cannot write {folder / 'multirun.yaml'} ({error.strerror})", file=sys.stderr)


def _job_keys(job: Job) -> list[str]:
    """For `${hydra:job.num}` and `${hydra:job.id}`, as with Hydra's own launcher."""
    return [f"hydra.job.num={job.number}", f"hydra.job.id={job.number}"]


def _config_flags() -> list[str]:
    """Hydra's command-line flags that select the config."""
    return CommandLine.parse(sys.argv[1:]).config_flags()


def _job_return(job: Job) -> JobReturn:
    result = job.folder.result()
    returned = JobReturn(overrides=list(job.overrides), working_dir=str(job.folder), status=JobStatus.COMPLETED)
    returned.return_value = None if result is None or find_flaw(result) else objective_value(result)
    return returned

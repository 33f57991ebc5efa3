"""`hydra/launcher=local`."""

import sys
from collections.abc import Sequence
from pathlib import Path

from hydra._internal.utils import get_args_parser
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.utils import JobReturn, JobStatus
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, OmegaConf

from cnnlab.config import without_hydra
from cnnlab.result import read_result
from cnnlab.resume import KEY, quote
from cnnlab.sweep import Action, Job, Server, Settings, Step, Sweep, announce, deal, job_name, plan, sole_sweep

DATA_NODES = ("data", "augmentation", "seed", "watch")
NOT_A_JOBS = (
    "hydra/launcher",
    "hydra.launcher",
    "hydra/sweeper",
    "hydra.sweeper",
    "hydra.sweep",
    "hydra.mode",
    "hydra.run",
)


class LocalLauncher(Launcher):
    """Runs a sweep's jobs in processes of this machine.

    Args:
        n_jobs: How many at a time; None for as many as the cores allow.
        threads_per_job: Cores of each.
        timeout_s: A job that runs longer is killed; None for no limit.
    """

    def __init__(self, n_jobs: int | None, threads_per_job: int, timeout_s: float | None) -> None:
        self.n_jobs = n_jobs
        self.threads_per_job = threads_per_job
        self.timeout_s = timeout_s
        self._context: HydraContext
        self._config: DictConfig

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        """Takes what Hydra has."""
        self._context, self._config = hydra_context, config

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[JobReturn]:
        """Runs what is missing of these jobs."""
        settings, folder = self._config.sweep, Path(self._config.hydra.sweep.dir)
        shares = deal(self.n_jobs, self.threads_per_job)
        jobs = self._jobs(job_overrides, folder)
        if settings.dry_run:
            announce(folder, plan(jobs, self._compose), len(shares), every=True)
            return []
        folder.mkdir(parents=True, exist_ok=True)
        with sole_sweep(folder):
            server = Server(self.threads_per_job, self._data_of(jobs[0]))
            steps = plan(jobs, self._compose)
            announce(folder, steps, len(shares))
            how = Settings(settings.fail_fast, settings.fail_on_divergence, self.timeout_s)
            Sweep(folder, steps, self._arguments, Path(sys.argv[0]).resolve(), how).run(server, shares)
        return [_returned(step.job) for step in steps]

    def _jobs(self, job_overrides: Sequence[Sequence[str]], folder: Path) -> list[Job]:
        constant = _constant_keys(self._config)
        jobs = []
        for overrides in job_overrides:
            kept = tuple(text for text in overrides if not _is_the_sweeps(text))
            name = job_name(kept, constant)
            jobs.append(Job(name, kept, folder / name))
        return jobs

    def _data_of(self, job: Job) -> str:
        config = OmegaConf.masked_copy(self._compose(job), list(DATA_NODES))
        OmegaConf.resolve(config)
        return OmegaConf.to_yaml(config)

    def _compose(self, job: Job) -> DictConfig:
        return without_hydra(self._context.config_loader.load_sweep_config(self._config, list(job.overrides)))

    def _arguments(self, step: Step) -> list[str]:
        typed = get_args_parser().parse_args()
        flags = [
            text
            for flag, value in (
                ("--config-path", typed.config_path),
                ("--config-name", typed.config_name),
                ("--config-dir", typed.config_dir),
            )
            if value is not None
            for text in (flag, value)
        ]
        hydras = [text for text in self._config.hydra.overrides.hydra if not text.lstrip("+~").startswith(NOT_A_JOBS)]
        hydras = [text for text in hydras if not text.startswith("hydra.job.config.override_dirname")]
        resume = [f"{KEY}{quote(step.job.folder)}"] if step.action is Action.CONTINUE else []
        return [*flags, *hydras, *step.job.overrides, f"hydra.run.dir={quote(step.job.folder)}", *resume]


def _is_the_sweeps(override: str) -> bool:
    return override.lstrip("+~").startswith(("sweep=", "sweep."))


def _constant_keys(config: DictConfig) -> set[str]:
    params = [f"{key}={value}" for key, value in (config.hydra.sweeper.get("params") or {}).items()]
    overrides = OverridesParser.create().parse_overrides([*params, *config.hydra.overrides.task])
    return {override.key_or_group for override in overrides if not override.is_sweep_override()}


def _returned(job: Job) -> JobReturn:
    result = read_result(job.folder)
    returned = JobReturn(overrides=list(job.overrides), working_dir=str(job.folder), status=JobStatus.COMPLETED)
    returned.return_value = None if result is None else result["metrics"].get(result["params"].get("objective"))
    return returned

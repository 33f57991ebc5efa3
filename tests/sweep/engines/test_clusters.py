"""Sweeps on a real Slurm and a real Ray on this machine: one of each at a time, see conftest.py."""

import importlib.util
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.conftest import REPOSITORY
from tests.sweep.sweeps import finish, gate, results, start, sweep, wait_for, wait_until, weights

CLUSTERS = REPOSITORY / "tests" / "clusters"
SLURM = ("hydra/launcher=slurm", "hydra.launcher.poll_s=0.5")
RAY = ("hydra/launcher=ray",)
ALL_CORES = os.cpu_count()
FEW_STEPS = "trainer.limit_train_batches=10"


def missing(reason: str) -> None:
    """Skips on a user's machine; where the project is checked, it has to be there."""
    if "CI" in os.environ:
        pytest.fail(reason)
    pytest.skip(reason)


def cluster(script: str, command: str, folder: Path) -> str:
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    done = subprocess.run(
        [CLUSTERS / script, command, folder],
        env={**os.environ, "PATH": path},
        check=True,
        stdout=subprocess.PIPE,
        text=True,
        timeout=300,
    )
    return done.stdout.strip()


@pytest.fixture(scope="module")
def state() -> Iterator[Path]:
    """A folder with a short path: sockets are in it."""
    folder = Path(tempfile.mkdtemp(prefix="c"))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
def slurm(state: Path) -> Iterator[dict[str, str]]:
    """The environment in which Slurm's commands find the cluster."""
    if not all(map(shutil.which, ("slurmctld", "slurmd", "munged", "sbatch"))) or os.geteuid() != 0:
        missing("needs root, and Debian's slurmctld, slurmd, slurm-client, munge")
    name, _, value = cluster("slurm.sh", "start", state / "s").partition("=")
    yield {name: value}
    cluster("slurm.sh", "stop", state / "s")


@dataclass(frozen=True)
class Ray:
    """A cluster: what finds it, and the environment in which it is found."""

    arguments: tuple[str, ...]
    environment: dict[str, str]


@pytest.fixture(scope="module")
def ray(state: Path) -> Iterator[Ray]:
    if importlib.util.find_spec("ray") is None:
        missing('needs ray: pip install -e ".[ray]"')
    address = cluster("ray.sh", "start", state / "r")
    yield Ray(
        (*RAY, f"hydra.launcher.ray.init.address={address}"),
        {
            "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",
            "RAY_AUTH_MODE": "token",
            "RAY_AUTH_TOKEN_PATH": str(state / "r" / "token"),
        },
    )
    cluster("ray.sh", "stop", state / "r")


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The weights of the jobs below, without an interruption."""
    folder = tmp_path_factory.mktemp("uninterrupted")
    code, text = sweep(folder, "seed=0,1", FEW_STEPS)
    assert code == 0, text
    return weights(folder)


def of_slurm(slurm: dict[str, str], *command: str) -> str:
    done = subprocess.run(command, env={**os.environ, **slurm}, check=True, stdout=subprocess.PIPE, text=True)
    return done.stdout


def starts(folder: Path, job: str) -> list[str]:
    """The commands that a job was started with."""
    return [line for line in (folder / "logs" / f"{job}.log").read_text().splitlines() if line.startswith("$ ")]


def in_queue(folder: Path) -> dict[str, str]:
    """The numbers that Slurm gave the jobs."""
    noted = json.loads((folder / ".submitit" / "jobs.json").read_text())
    return {name: number for name, (number, _) in noted.items()}


def num_epochs(folder: Path, job: str) -> int:
    """How many a job has finished."""
    return len((folder / job / "metrics.csv").read_text().splitlines()) - 1


def workers(folder: Path) -> list[str]:
    """The process ids of those that run this sweep's jobs."""
    jobs = subprocess.run(["pgrep", "--full", f"hydra.run.dir=.*{folder}/"], stdout=subprocess.PIPE, text=True)
    listed = ",".join(jobs.stdout.split())
    return subprocess.run(["ps", "-o", "ppid=", "-p", listed], stdout=subprocess.PIPE, text=True).stdout.split()


@pytest.mark.slow
@pytest.mark.cluster
def test_eight_jobs_have_the_same_metrics_on_this_machine_on_slurm_and_on_ray(
    slurm: dict[str, str], ray: Ray, tmp_path: Path
):
    jobs = ("optimizer=momentum,adam", "activation=relu,tanh", "seed=0,1", "trainer.max_epochs=1", FEW_STEPS)
    found = {}
    for name, launcher in (
        ("local", ()),
        ("slurm", SLURM),
        ("ray", ray.arguments),
    ):
        code, text = sweep(tmp_path / name, *jobs, *launcher, environment=slurm | ray.environment)
        assert (code, "8 completed" in text) == (0, True), text
        found[name] = {job: (one["metrics"], one["weights_sha256"]) for job, one in results(tmp_path / name).items()}
    assert len(found["local"]) == 8
    assert found["local"] == found["slurm"] == found["ray"]


@pytest.mark.slow
@pytest.mark.cluster
def test_a_time_limit_and_a_preemption_on_slurm_are_resumed(
    slurm: dict[str, str], uninterrupted: dict[str, str], tmp_path: Path
):
    process = start(tmp_path, "seed=0", FEW_STEPS, gate(tmp_path), *SLURM, environment=slurm)
    wait_for(process, tmp_path, "job/metrics.csv")
    (number,) = in_queue(tmp_path).values()
    of_slurm(slurm, "scancel", "--signal=USR2", number)  # what Slurm sends before the time limit
    wait_until(process, tmp_path, lambda: num_epochs(tmp_path, "job") == 2, "it was not requeued")
    of_slurm(slurm, "sbatch", "--partition=urgent", "--exclusive", "--output=/dev/null", "--wrap=sleep 1")
    code, text = finish(process)
    assert code == 0, text
    assert weights(tmp_path) == {"job": uninterrupted["seed=0"]}
    assert ["resume=" in line for line in starts(tmp_path, "job")] == [False, True, True]


@pytest.mark.slow
@pytest.mark.cluster
def test_a_killed_sweep_finds_its_jobs_in_the_queue_again(
    slurm: dict[str, str], uninterrupted: dict[str, str], tmp_path: Path
):
    arguments = ("seed=0,1", FEW_STEPS, gate(tmp_path), *SLURM)
    process = start(tmp_path, *arguments, environment=slurm)
    wait_for(process, tmp_path, "seed=0/metrics.csv")
    process.kill()
    process.communicate()
    noted = in_queue(tmp_path)
    again = start(tmp_path, *arguments, environment=slurm)
    assert again.stdout is not None
    assert "2 to resume" in again.stdout.readline()
    (tmp_path / "open").touch()
    code, text = finish(again)
    assert code == 0, text
    assert weights(tmp_path) == uninterrupted
    assert in_queue(tmp_path) == noted
    assert [len(starts(tmp_path, job)) for job in uninterrupted] == [1, 1]


@pytest.mark.slow
@pytest.mark.cluster
def test_an_interrupt_stops_what_runs_on_slurm_and_what_waits(slurm: dict[str, str], tmp_path: Path):
    one_at_a_time = f"hydra.launcher.cpus_per_task={ALL_CORES}"
    jobs = ("seed=0,1,2", FEW_STEPS, gate(tmp_path))
    process = start(tmp_path, *jobs, *SLURM, one_at_a_time, environment=slurm)
    interrupt_the_first_of_three(process, tmp_path)
    assert of_slurm(slurm, "squeue", "--noheader") == ""


@pytest.mark.slow
@pytest.mark.cluster
def test_a_job_that_is_cancelled_on_slurm_has_failed_and_the_others_have_not(slurm: dict[str, str], tmp_path: Path):
    process = start(tmp_path, "seed=0,1", FEW_STEPS, gate(tmp_path), *SLURM, environment=slurm)
    wait_for(process, tmp_path, "seed=0/metrics.csv")
    of_slurm(slurm, "scancel", in_queue(tmp_path)["seed=0"])
    wait_for(process, tmp_path, "seed=0/result.json")
    (tmp_path / "open").touch()
    code, text = finish(process)
    assert code == 1, text
    assert "seed=0: interrupted, can be resumed: SIGTERM" in text
    assert {job: one["status"] for job, one in results(tmp_path).items()} == {
        "seed=0": "interrupted",
        "seed=1": "completed",
    }


@pytest.mark.slow
@pytest.mark.cluster
def test_a_run_whose_worker_is_killed_is_resumed_on_ray(ray: Ray, uninterrupted: dict[str, str], tmp_path: Path):
    process = start(tmp_path, "seed=0,1", FEW_STEPS, gate(tmp_path), *ray.arguments, environment=ray.environment)
    wait_for(process, tmp_path, "seed=0/metrics.csv")
    subprocess.run(["kill", "-KILL", *workers(tmp_path)], check=True)
    (tmp_path / "open").touch()
    code, text = finish(process)
    assert code == 0, text
    assert weights(tmp_path) == uninterrupted
    assert ["resume=" in line for line in starts(tmp_path, "seed=0")] == [False, True]


@pytest.mark.slow
@pytest.mark.cluster
def test_an_interrupt_stops_what_runs_on_ray(tmp_path: Path):
    one_at_a_time = "+hydra.launcher.ray.init.num_cpus=1"
    process = start(tmp_path, "seed=0,1,2", FEW_STEPS, gate(tmp_path), *RAY, one_at_a_time)
    interrupt_the_first_of_three(process, tmp_path)


def interrupt_the_first_of_three(process: subprocess.Popen[str], folder: Path) -> None:
    """One job at a time runs there."""
    wait_for(process, folder, "*/metrics.csv")
    process.send_signal(signal.SIGINT)
    code, text = finish(process)
    assert code == 130, text
    assert "1 interrupted, 2 not started" in text, text
    assert {result["status"] for result in results(folder).values()} == {"interrupted"}


@pytest.mark.slow
@pytest.mark.cluster
def test_a_job_that_requests_more_than_this_machine_has_is_refused_in_one_line(tmp_path: Path):
    more = f"hydra.launcher.ray.remote.num_cpus={ALL_CORES + 1}"
    code, text = sweep(tmp_path, "seed=0,1", *RAY, more)
    assert (code, text) == (
        2,
        f"error: hydra/launcher=ray: a job requests {ALL_CORES + 1} CPU, more than this machine has; "
        "reduce hydra.launcher.ray.remote, or set hydra.launcher.ray.init.address\n",
    )

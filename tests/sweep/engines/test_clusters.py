"""Sweeps on a real Slurm and a real Ray, which this machine is made into."""

import importlib.util
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.conftest import REPOSITORY
from tests.sweep.sweeps import finish, results, start, sweep, wait_for, weights

pytestmark = pytest.mark.xdist_group("clusters")  # one of each at a time
CLUSTERS = REPOSITORY / "tests" / "clusters"
SLURM = ("hydra/launcher=slurm", "hydra.launcher.poll_s=0.5")
RAY = ("hydra/launcher=ray",)
EPOCHS = "trainer.max_epochs=12"  # long enough to be stopped in between
WORK = "*/metrics.csv"


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
        timeout=120,
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
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The weights of the jobs that are stopped below."""
    folder = tmp_path_factory.mktemp("undisturbed")
    code, text = sweep(folder, "seed=0,1", EPOCHS, measured=True)
    assert code == 0, text
    return weights(folder)


def of_slurm(slurm: dict[str, str], *command: str) -> str:
    done = subprocess.run(command, env={**os.environ, **slurm}, check=True, stdout=subprocess.PIPE, text=True)
    return done.stdout


def starts(folder: Path, job: str) -> list[str]:
    """The commands that a job was started with."""
    return [line for line in (folder / "logs" / f"{job}.log").read_text().splitlines() if line.startswith("$ ")]


@pytest.mark.slow
@pytest.mark.cluster
def test_eight_jobs_have_the_same_metrics_on_this_machine_on_slurm_and_on_ray(
    slurm: dict[str, str], ray: Ray, tmp_path: Path
):
    jobs = ("optimizer=momentum,adam", "activation=relu,tanh", "seed=0,1", "trainer.max_epochs=1")
    found = {}
    for name, launcher in (
        ("local", ()),
        ("slurm", SLURM),
        ("ray", ray.arguments),
    ):
        code, text = sweep(tmp_path / name, *jobs, *launcher, environment=slurm | ray.environment, measured=True)
        assert (code, "8 completed" in text) == (0, True), text
        found[name] = {job: (one["metrics"], one["weights_sha256"]) for job, one in results(tmp_path / name).items()}
    assert len(found["local"]) == 8
    assert found["local"] == found["slurm"] == found["ray"]


@pytest.mark.slow
@pytest.mark.cluster
def test_a_time_limit_and_a_preemption_on_slurm_are_gone_on_from(
    slurm: dict[str, str], undisturbed: dict[str, str], tmp_path: Path
):
    process = start(tmp_path, "seed=0", EPOCHS, *SLURM, environment=slurm, measured=True)
    wait_for(process, tmp_path, WORK)
    (number,) = json.loads((tmp_path / ".submitit" / "jobs.json").read_text()).values()
    of_slurm(slurm, "scancel", "--signal=USR2", number)  # what Slurm sends before the time limit
    deadline = time.monotonic() + 180
    while len(starts(tmp_path, "job")) < 2:
        assert time.monotonic() < deadline, "it was not requeued"
        time.sleep(0.1)
    time.sleep(8)  # until it is at work again
    of_slurm(slurm, "sbatch", "--partition=urgent", "--exclusive", "--output=/dev/null", "--wrap=sleep 1")
    code, text = finish(process)
    assert code == 0, text
    assert weights(tmp_path) == {"job": undisturbed["seed=0"]}
    assert ["resume=" in line for line in starts(tmp_path, "job")] == [False, True, True]


@pytest.mark.slow
@pytest.mark.cluster
def test_a_killed_sweep_finds_its_jobs_in_the_queue_again(
    slurm: dict[str, str], undisturbed: dict[str, str], tmp_path: Path
):
    process = start(tmp_path, "seed=0,1", EPOCHS, *SLURM, environment=slurm, measured=True)
    wait_for(process, tmp_path, WORK)
    process.kill()
    process.communicate()
    code, text = sweep(tmp_path, "seed=0,1", EPOCHS, *SLURM, environment=slurm, measured=True)
    assert code == 0, text
    assert weights(tmp_path) == undisturbed
    assert [len(starts(tmp_path, job)) for job in undisturbed] == [1, 1]


@pytest.mark.slow
@pytest.mark.cluster
def test_an_interrupt_stops_what_runs_on_slurm_and_what_waits(
    slurm: dict[str, str], undisturbed: dict[str, str], tmp_path: Path
):
    jobs = ("seed=0,1,2", EPOCHS)
    process = start(tmp_path, *jobs, *SLURM, "hydra.launcher.cpus_per_task=2", environment=slurm, measured=True)
    wait_for(process, tmp_path, WORK)
    process.send_signal(signal.SIGINT)
    code, text = finish(process)
    assert code == 130, text
    assert "1 interrupted, 2 not started" in text, text
    assert {result["status"] for result in results(tmp_path).values()} == {"interrupted"}
    assert of_slurm(slurm, "squeue", "--noheader") == ""


@pytest.mark.slow
@pytest.mark.cluster
def test_a_job_that_is_cancelled_on_slurm_has_failed_and_the_others_have_not(slurm: dict[str, str], tmp_path: Path):
    process = start(tmp_path, "seed=0,1", EPOCHS, *SLURM, environment=slurm, measured=True)
    wait_for(process, tmp_path, WORK)
    of_slurm(slurm, "scancel", json.loads((tmp_path / ".submitit" / "jobs.json").read_text())["seed=0"])
    code, text = finish(process)
    assert code == 1, text
    assert "seed=0: interrupted, signal 15" in text
    assert {job: one["status"] for job, one in results(tmp_path).items()} == {
        "seed=0": "interrupted",
        "seed=1": "completed",
    }


@pytest.mark.slow
@pytest.mark.cluster
def test_a_run_whose_worker_is_killed_goes_on_on_ray(ray: Ray, undisturbed: dict[str, str], tmp_path: Path):
    process = start(
        tmp_path,
        *("seed=0,1", EPOCHS, *ray.arguments),
        environment=ray.environment,
        measured=True,
    )
    wait_for(process, tmp_path, WORK)
    subprocess.run(["pkill", "--signal=KILL", "--full", "ray::run_task"], check=True)
    code, text = finish(process)
    assert code == 0, text
    assert weights(tmp_path) == undisturbed


@pytest.mark.slow
@pytest.mark.cluster
def test_an_interrupt_stops_what_runs_on_ray(tmp_path: Path):
    process = start(tmp_path, "seed=0,1,2", EPOCHS, *RAY, "hydra.launcher.ray.remote.num_cpus=2", measured=True)
    wait_for(process, tmp_path, WORK)
    process.send_signal(signal.SIGINT)
    code, text = finish(process)
    assert code == 130, text
    assert "1 interrupted, 2 not started" in text, text
    assert {result["status"] for result in results(tmp_path).values()} == {"interrupted"}

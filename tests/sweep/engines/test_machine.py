"""The allocation of a machine's cores and GPUs."""

import os
import stat
from pathlib import Path

import pytest

from cnnlab.errors import UserError
from cnnlab.sweep.engines import machine
from cnnlab.sweep.engines.machine import allocate, visible_gpus


@pytest.fixture
def four_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {2, 3, 6, 7})
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")


@pytest.mark.parametrize(
    ("n_jobs", "threads", "cores"),
    [
        (None, 1, [(2,), (3,), (6,), (7,)]),
        (None, 2, [(2, 3), (6, 7)]),
        (4, 1, [(2,), (3,), (6,), (7,)]),
        (None, 3, [()]),  # others may use the rest: no pinning
        (2, 1, [()] * 2),
        (None, 8, [()]),  # more than there are
        (5, 1, [()] * 5),
    ],
)
def test_jobs_have_cores_of_their_own_where_they_take_them_all(
    four_cores: None, n_jobs: int | None, threads: int, cores: list[tuple[int, ...]]
):
    assert [allocation.cores for allocation in allocate(n_jobs, threads)] == cores


def test_gpus_are_dealt_in_turn(four_cores: None, monkeypatch: pytest.MonkeyPatch):
    assert {allocation.gpu for allocation in allocate(3, 1)} == {None}
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1,GPU-5f")
    assert [allocation.gpu for allocation in allocate(3, 1)] == ["1", "GPU-5f", "1"]


@pytest.mark.parametrize(
    ("n_jobs", "jobs_per_gpu", "gpus"),
    [
        (None, 1, ["0", "1"]),
        (None, 3, ["0", "1", "0", "1", "0", "1"]),  # more than there are cores
        (3, 2, ["0", "1", "0"]),
        (4, 2, ["0", "1", "0", "1"]),
    ],
)
def test_jobs_share_gpus(
    four_cores: None, monkeypatch: pytest.MonkeyPatch, n_jobs: int | None, jobs_per_gpu: int, gpus: list[str]
):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1")
    assert [allocation.gpu for allocation in allocate(n_jobs, 1, jobs_per_gpu)] == gpus


@pytest.mark.parametrize(
    ("named", "n_jobs", "line"),
    [
        (
            "",
            None,
            r"jobs_per_gpu=2 needs a GPU, and this machine has none \(CUDA_VISIBLE_DEVICES hides them all\); lea",
        ),
        (
            "-1",
            4,
            r"jobs_per_gpu=2 needs a GPU, and this machine has none \(CUDA_VISIBLE_DEVICES hides them all\); lea",
        ),
        ("7", 3, r"hydra.launcher.n_jobs=3 is more than hydra.launcher.jobs_per_gpu=2 allows on 1 GPU, which is 2; "),
        (
            "0,1",
            5,
            r"hydra.launcher.n_jobs=5 is more than hydra.launcher.jobs_per_gpu=2 allows on 2 GPUs, which is 4; ",
        ),
    ],
)
def test_more_than_the_gpus_take_is_refused(monkeypatch: pytest.MonkeyPatch, named: str, n_jobs: int | None, line: str):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", named)
    with pytest.raises(UserError, match=line):
        allocate(n_jobs, 1, 2)


@pytest.mark.parametrize(
    ("named", "gpus"),
    [
        ("1,0", ["1", "0"]),
        (" 2 , 3 ", ["2", "3"]),
        ("GPU-5f,GPU-6a", ["GPU-5f", "GPU-6a"]),
        ("MIG-1b", ["MIG-1b"]),
        ("", []),
        ("-1", []),
        ("NoDevFiles", []),  # Slurm's and PBS's none
        ("0,-1,1", ["0"]),
        ("0,0", []),
    ],
)
def test_gpus_are_named_as_cuda_reads_it(monkeypatch: pytest.MonkeyPatch, named: str, gpus: list[str]):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", named)
    assert visible_gpus() == gpus


def test_unnamed_gpus_are_the_drivers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setattr(machine, "DRIVER", tmp_path / "gpus")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert visible_gpus() == []
    with pytest.raises(UserError, match="this machine has none; leave it out"):
        allocate(None, 1, 2)
    tool = tmp_path / "nvidia-smi"
    tool.write_text("#!/bin/sh\n[ $1 = -L ] && echo 'GPU 0: NVIDIA T4 (UUID: GPU-1)' && echo 'GPU 1: NVIDIA T4'\n")
    tool.chmod(tool.stat().st_mode | stat.S_IXUSR)
    assert visible_gpus() == ["0", "1"]
    for address in ("0000:01:00.0", "0000:02:00.0", "0000:03:00.0"):
        (tmp_path / "gpus" / address).mkdir(parents=True)
    assert visible_gpus() == ["0", "1", "2"]

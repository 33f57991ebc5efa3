"""The allocation of a machine's cores and GPUs."""

import os

import pytest

from cnnlab.sweep.engines.machine import allocate


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

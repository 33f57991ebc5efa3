"""Computations in several processes."""

import os
import time
from pathlib import Path

import pytest
import torch

from cnnlab.lecture import parallel
from cnnlab.lecture.parallel import side_by_side
from cnnlab.training.checkpoint import CheckpointError


def slower_first(number: int) -> tuple[int, int, int]:
    time.sleep(0.05 * (3 - number))
    return number, os.getpid(), torch.get_num_threads()


def fail(path: Path, reason: str) -> None:
    raise CheckpointError(path, reason)


def test_results_are_in_order_and_of_one_thread_in_other_processes(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(parallel, "cpu_count", lambda: 2)
    numbers, processes, threads = zip(*side_by_side(slower_first, [(number,) for number in range(4)]), strict=True)
    assert numbers == (0, 1, 2, 3)
    assert os.getpid() not in processes
    assert set(threads) == {1}


def test_with_one_core_it_is_this_process_which_keeps_its_threads(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(parallel, "cpu_count", lambda: 1)
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        assert side_by_side(slower_first, [(2,), (3,)]) == [(2, os.getpid(), 1), (3, os.getpid(), 1)]
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


def test_an_exception_reaches_the_caller_whatever_its_arguments(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(parallel, "cpu_count", lambda: 2)
    with pytest.raises(CheckpointError, match=r"^run/last\.ckpt is damaged; delete run to restart this run"):
        side_by_side(fail, [(Path("run/last.ckpt"), "is damaged")])

import ctypes
import sys
from types import SimpleNamespace
from typing import Any

import pytest

from cnnlab.training.fast.memory import KEPT_BYTES, M_MMAP_THRESHOLD, M_TRIM_THRESHOLD, keep_freed_memory


def test_the_gnu_c_library_is_set_to_keep_large_blocks(monkeypatch: pytest.MonkeyPatch):
    calls: list[tuple[int, int]] = []
    library = SimpleNamespace(mallopt=lambda *setting: calls.append(setting) or 1)
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(ctypes, "CDLL", lambda name: library)
    keep_freed_memory()
    assert calls == [(M_MMAP_THRESHOLD, KEPT_BYTES), (M_TRIM_THRESHOLD, KEPT_BYTES)]


def test_an_older_gnu_c_library_keeps_what_it_allows(monkeypatch: pytest.MonkeyPatch):
    accepted: list[tuple[int, int]] = []

    def mallopt(name: int, value: int) -> int:
        is_valid = name != M_MMAP_THRESHOLD or value <= 32 << 20
        accepted.extend([(name, value)] if is_valid else [])
        return is_valid

    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(ctypes, "CDLL", lambda name: SimpleNamespace(mallopt=mallopt))
    keep_freed_memory()
    assert accepted == [(M_MMAP_THRESHOLD, 32 << 20), (M_TRIM_THRESHOLD, KEPT_BYTES)]


def test_another_c_library_is_left_as_it_is(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(ctypes, "CDLL", lambda name: SimpleNamespace())
    keep_freed_memory()


@pytest.mark.parametrize("platform", ["win32", "darwin"])
def test_another_system_is_left_as_it_is(monkeypatch: pytest.MonkeyPatch, platform: str):
    def refuse(name: Any) -> None:
        raise TypeError("bad argument type for built-in operation")  # as on Windows

    monkeypatch.setattr(sys, "platform", platform)
    monkeypatch.setattr(ctypes, "CDLL", refuse)
    keep_freed_memory()

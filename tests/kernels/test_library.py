"""Our kernels as a library of this process, and torch's where there is none."""

import ctypes
import gc
import re
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from multiprocessing.util import get_temp_dir
from pathlib import Path

import pytest
import torch
from omegaconf import DictConfig
from torch import nn

from cnnlab import kernels
from cnnlab.kernels import compiler, library
from cnnlab.sweep.engines.preload import preload
from cnnlab.training.build import build_classifier
from tests.conftest import REPOSITORY, SMALL
from tests.processes import start, unmeasured

PATIENCE_S = 60
LINE = "using torch's kernels, which are slower on a CPU, because there is no C compiler: install one, or `pip install "
SHORT = (*SMALL, "trainer.max_epochs=1", "trainer.limit_train_batches=3", "callbacks=light", "logger=none")

needs_compiler = pytest.mark.skipif(not kernels.available(), reason="there is no C compiler")


@pytest.fixture
def fresh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A process that has loaded no kernels, and an empty cache."""
    (tmp_path / "temporary").mkdir()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    get_temp_dir()  # of multiprocessing, now: its sockets need short paths
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))  # where another test may have left one
    monkeypatch.setattr(library, "_loaded", {})
    monkeypatch.setattr(library, "_untold", [])
    yield
    kernels.choose("auto")


@pytest.fixture
def no_compiler(fresh: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CC", raising=False)
    monkeypatch.setattr(compiler, "compilers", list)


def lines(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.name.startswith("cnnlab")]


# ---- without a compiler ----


def test_without_a_compiler_one_line_is_logged(no_compiler: None, caplog: pytest.LogCaptureFixture):
    for dtype in (torch.float32, torch.float64, torch.float32):
        assert not kernels.available(dtype)
    (line,) = lines(caplog)
    assert line == f"{LINE}ziglang`"


def test_who_chooses_torchs_kernels_reads_nothing(no_compiler: None, caplog: pytest.LogCaptureFixture):
    kernels.choose("torch")
    assert not kernels.available()
    assert lines(caplog) == []


def test_numbers_that_have_no_kernels_are_not_worth_a_line(no_compiler: None, caplog: pytest.LogCaptureFixture):
    assert not kernels.available(torch.bfloat16)
    assert lines(caplog) == []


def test_the_other_processes_of_a_distributed_run_are_silent(
    no_compiler: None, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("LOCAL_RANK", "1")
    assert not kernels.available()
    assert lines(caplog) == []


def test_each_job_of_a_sweep_logs_the_line_of_an_attempt_that_they_share(
    no_compiler: None, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
):
    attempts = []
    monkeypatch.setattr(compiler, "compilers", lambda: attempts.append(1) or [])
    try:
        preload("kernels: auto")
    finally:
        gc.unfreeze()
    assert (len(attempts), lines(caplog)) == (1, [])
    for _ in range(2):  # as forks
        with monkeypatch.context() as fork:
            fork.setattr(library, "_untold", list(library._untold))
            caplog.clear()
            assert not kernels.available()
            assert not kernels.available()
            assert len(lines(caplog)) == 1
    assert len(attempts) == 1


def test_a_sweep_with_torchs_kernels_compiles_nothing(no_compiler: None):
    try:
        preload("kernels: torch")
    finally:
        gc.unfreeze()
    assert library._loaded == {}


def convolution_of(config: DictConfig) -> nn.Conv2d:
    network = build_classifier(config).network
    return next(layer for layer in network.modules() if isinstance(layer, nn.Conv2d) and layer.in_channels > 1)


def test_torchs_kernels_get_the_layout_that_they_are_best_in(no_compiler: None, compose_run: Callable[..., DictConfig]):
    def is_channels_last(*overrides: str) -> bool:
        weight = convolution_of(compose_run(*SMALL, *overrides)).weight
        return weight.is_contiguous(memory_format=torch.channels_last)

    assert is_channels_last()
    assert is_channels_last("kernels=torch")
    assert not is_channels_last("model.channels_last=false")
    pruning = "{_target_: lightning.pytorch.callbacks.ModelPruning, pruning_fn: l1_unstructured, amount: 0.5}"
    assert not is_channels_last("kernels=torch", f"+callbacks.prune={pruning}")  # torch could not prune it


@needs_compiler
def test_our_kernels_leave_the_layout_alone(compose_run: Callable[..., DictConfig]):
    assert convolution_of(compose_run(*SMALL)).weight.is_contiguous()


@pytest.mark.slow
def test_a_run_without_a_compiler_says_so_in_one_line_and_completes(tmp_path: Path):
    (tmp_path / "bin").mkdir()
    (tmp_path / "temporary").mkdir()
    caches = {"XDG_CACHE_HOME": str(tmp_path / "cache"), "TMPDIR": str(tmp_path / "temporary")}
    alone = {"PATH": str(tmp_path / "bin"), "CC": "", **caches}
    commands = {
        choice: start(
            tmp_path / f"{choice}.txt",
            *(*SHORT, f"kernels={choice}", f"hydra.run.dir={tmp_path / choice}"),
            environment=alone,
        )
        for choice in ("auto", "torch")
    }
    for choice, num_lines in (("auto", 1), ("torch", 0)):
        code, text = commands[choice].wait()
        assert code == 0, text
        assert text.count("torch's kernels") == num_lines, text
        assert (tmp_path / choice / "run.log").read_text().count("torch's kernels") == num_lines


# ---- a library that was just compiled ----

LANES = "int lanes(void)"
FAULTS = {
    "pooling takes the smallest": ("> largest)", "< largest)"),
    "a sum has the wrong sign": ("sums[a][k] += ga", "sums[a][k] -= ga"),
    "it crashes": (LANES, f"__attribute__((constructor)) void crash(void) {{ __builtin_trap(); }}\n{LANES}"),
    "it has no functions": (None, ""),
}


@pytest.mark.slow
@needs_compiler
@pytest.mark.parametrize("fault", FAULTS)
def test_a_library_that_was_compiled_wrongly_is_refused_with_one_line(
    fresh: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, fault: str
):
    old, new = FAULTS[fault]
    folder = tmp_path / "sources"
    folder.mkdir()
    sources = {path.name: path.read_text() for path in compiler.FOLDER.glob("*.[ch]")}
    assert old is None or any(old in text for text in sources.values())
    for name, text in sources.items():
        (folder / name).write_text("" if old is None else text.replace(old, new))
    monkeypatch.setattr(compiler, "FOLDER", folder)
    monkeypatch.setattr(compiler, "FLAGS", ("-O0", "-std=gnu11", "-fPIC", "-shared"))
    assert not kernels.available()
    (line,) = lines(caplog)
    assert line.startswith("using torch's kernels, which are slower on a CPU, because ")
    assert list((tmp_path / "cache").rglob("*.so")) == []


@pytest.mark.slow
@needs_compiler
@pytest.mark.parametrize("dtype", library.DEFINITIONS, ids=str)
def test_one_that_was_compiled_rightly_is_kept(
    fresh: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, dtype: torch.dtype
):
    monkeypatch.setattr(compiler, "FLAGS", ("-O0", "-std=gnu11", "-fPIC", "-shared"))
    assert kernels.available(dtype)
    assert len(list((tmp_path / "cache").rglob("*.so"))) == 1
    assert lines(caplog) == []
    monkeypatch.setattr(library, "_loaded", {})
    monkeypatch.setenv("PATH", str(tmp_path))  # the compiler is gone
    assert kernels.available(dtype)


@pytest.mark.slow
@needs_compiler
@pytest.mark.parametrize("name", ["clang", "zig"])
def test_other_compilers_do(fresh: None, monkeypatch: pytest.MonkeyPatch, name: str):
    found = [each for each in compiler.compilers() if Path(each[0]).name == name]
    if not found:
        pytest.skip(f"there is no {name}")
    monkeypatch.setattr(compiler, "compilers", lambda: found)
    assert kernels.available()


@needs_compiler
def test_a_warm_start_takes_milliseconds(monkeypatch: pytest.MonkeyPatch):
    durations = []
    for _ in range(5):
        monkeypatch.setattr(library, "_loaded", {})
        began = time.perf_counter()
        assert kernels.available()
        durations.append(time.perf_counter() - began)
    assert min(durations) < 0.02  # it takes 0.0012


# ---- OpenMP ----


def convolved() -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    images = torch.randn(100, 3, 12, 12, generator=generator)
    return kernels.conv2d(images, torch.randn(10, 3, 5, 5, generator=generator), None, is_pooled=True)


@needs_compiler
@pytest.mark.skipif(not Path("/proc/self/maps").exists(), reason="needs Linux")
def test_torchs_openmp_is_used_and_no_other_loaded():
    def runtimes() -> set[str]:
        return set(re.findall(r"/\S*/lib(?:gomp|iomp|omp)\S*", Path("/proc/self/maps").read_text()))

    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        torch.randn(500, 500) @ torch.randn(500, 500)
        loaded = runtimes()
        convolved()
    finally:
        torch.set_num_threads(before)
    assert runtimes() == loaded
    assert all(hasattr(ctypes.CDLL(None), name) for name in library.RUNTIME)


@needs_compiler
def test_several_threads_at_once_get_the_same():
    expected, found, before = convolved(), [], torch.get_num_threads()
    torch.set_num_threads(2)
    threads = [threading.Thread(target=lambda: found.append(convolved())) for _ in range(4)]
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(PATIENCE_S)
    finally:
        torch.set_num_threads(before)
    assert len(found) == 4
    assert all(torch.equal(each, expected) for each in found)


ALONE = """
import os, sys, torch
sys.path.insert(0, sys.argv[1])
from tests.kernels.test_library import convolved
torch.set_num_threads(1)
expected = convolved()
if os.fork() == 0:
    torch.set_num_threads(2)
    os._exit(0 if torch.equal(convolved(), expected) else 1)
assert os.wait()[1] == 0
for threads in (4, 2, 3, 1):
    torch.set_num_threads(threads)
    assert torch.equal(convolved(), expected)
"""


@pytest.mark.slow
@needs_compiler
@pytest.mark.parametrize("setting", ["OMP_THREAD_LIMIT=1", "OMP_DYNAMIC=true"])
def test_forks_fewer_threads_than_requested_and_other_numbers_of_threads_do(setting: str):
    name, _, value = setting.partition("=")
    done = subprocess.run(
        [sys.executable, "-c", ALONE, str(REPOSITORY)],
        env=unmeasured() | {name: value}, capture_output=True, text=True, check=False, timeout=PATIENCE_S,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr

"""scripts/bench_gpu.py, its parts replaced where there is no GPU."""

import json
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import torch

from scripts import bench_gpu


def test_without_a_gpu_one_line_says_so(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(sys, "argv", ["bench_gpu.py"])
    assert bench_gpu.main() == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err == "error: torch finds no CUDA device on this machine; `make bench` measures on the CPU\n"


@pytest.fixture
def a_gpu(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """A machine with one, on which everything has been measured; and what was asked of it."""
    asked: list[Any] = []
    rows = [
        {"batch_size": 64, "contender": "plain", "step_ms": 9.5, "epoch_s": 9.82, "speedup": 1.0, "repetitions": 5},
        {"batch_size": 64, "contender": "graph", "error": "not permitted"},
    ]

    def bounded(command: list[str], limit_s: float) -> tuple[int | None, str]:
        asked.append((command, limit_s))
        return (
            (1, "FAILED tests/a.py::test_b\n=== 1 failed, 2 passed in 3.00s ===\n") if "pytest" in command else (0, "")
        )

    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda: "NVIDIA T4")
    monkeypatch.setattr(bench_gpu, "bounded", bounded)
    monkeypatch.setattr(bench_gpu, "measure_epochs", lambda sizes, repetitions, limit_s: rows)
    monkeypatch.setattr(sys, "argv", ["bench_gpu.py", "--out", str(tmp_path)])
    return asked


def test_everything_is_measured_and_a_failed_test_is_the_exit_code(
    a_gpu: list[Any], tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    assert bench_gpu.main() == 1
    out = capsys.readouterr().out.splitlines()
    assert out[0] == f"NVIDIA T4, torch {torch.__version__}"
    assert out[1:3] == ["FAILED tests/a.py::test_b", "GPU tests: 1 failed, 2 passed in 3.00s; 0 s"]
    assert "| 64 | plain | 9.500 | 9.82 | 1.0 |" in out
    assert "| 64 | graph | failed: not permitted | |  |" in out
    assert [line.split(":")[0].strip() for line in out if " a GPU:" in line] == ["8 a GPU", "4 a GPU", "1 a GPU"]
    assert sum(limit_s for _, limit_s in a_gpu[:2]) + bench_gpu.TABLE_S < 360, "six minutes"
    tested = [Path(argument).name for argument in a_gpu[0][0] if argument.endswith(".py")]
    assert {"test_gpu.py", "test_cuda_graph.py"} <= set(tested)
    written = json.loads((tmp_path / "bench.json").read_text())
    assert written["card"] == "NVIDIA T4"
    assert [(sweep["jobs_per_gpu"], sweep["num_jobs"]) for sweep in written["sweeps"]] == [(8, 16), (4, 16), (1, 16)]
    monkeypatch.setattr(sys, "argv", [*sys.argv, "--no-tests"])
    assert bench_gpu.main() == 0


def test_a_command_is_killed_at_its_limit_with_what_it_started(tmp_path: Path):
    assert bench_gpu.bounded(["sh", "-c", "echo said; exit 3"], 60) == (3, "said\n")
    started = time.monotonic()
    code, text = bench_gpu.bounded(["sh", "-c", f"(sleep 2; touch {tmp_path / 'late'}) & echo said; wait"], 0.2)
    assert (code, text) == (None, "said\n")
    assert time.monotonic() - started < 2
    time.sleep(2.2)
    assert not (tmp_path / "late").exists()
    assert (
        bench_gpu.format_sweep({"jobs_per_gpu": 4, "num_jobs": 16, "seconds": 100.0, "error": "stopped"})
        == "  4 a GPU:  100.0 s; failed: stopped"
    )

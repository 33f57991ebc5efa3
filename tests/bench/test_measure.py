"""The command, on planted measurements and once in earnest."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from cnnlab.bench.contenders import Epoch
from cnnlab.bench.measure import Measurement, Setting, measure
from cnnlab.bench.observing import Pair
from cnnlab.bench.rivals import Rival
from cnnlab.bench.startup import Startup
from scripts import bench
from tests.conftest import REPOSITORY

EAGER = {"plain", "nchw", "channels_last", "bare", "lightning", "floor"}


@pytest.fixture
def run(tmp_path: Path, monkeypatch, capsys):
    """Runs the command in this process on epochs of these seconds, each in three repetitions."""

    def run_planted(**seconds: float) -> tuple[int, str]:
        planted = [
            Measurement(name, Setting(64, 1), Epoch(each * (1 + 0.01 * repetition), 0.1, 938), 0.1)
            for name, each in seconds.items()
            for repetition in range(3)
        ]
        monkeypatch.setattr("cnnlab.bench.measure.measure", lambda *arguments, **options: planted)
        monkeypatch.setattr("cnnlab.bench.startup.measure_startup", lambda *arguments: [Startup(4.0, 4.4)])
        monkeypatch.setattr("cnnlab.bench.observing.measure_observing", lambda *arguments: [Pair(2.0, 2.05)])
        monkeypatch.setattr(sys, "argv", ["bench.py", "--out", str(tmp_path)])
        code = bench.main()
        return code, capsys.readouterr().out

    return run_planted


def test_it_fails_if_a_rival_is_faster(run, tmp_path: Path):
    code, shown = run(plain=9.0, nchw=4.0, channels_last=1.8, bare=2.0, lightning=2.0, floor=1.0)
    assert code == 1
    assert "\nfaster than cnnlab: torch, channels_last, data resident at batch 64, 1 thread (0.90 times " in shown
    assert json.loads((tmp_path / "bench.json").read_text())["verdict"]["text"] in shown


def test_it_succeeds_if_none_is(run, tmp_path: Path):
    code, shown = run(plain=9.0, nchw=4.0, channels_last=3.0, bare=2.0, lightning=2.0, floor=1.0)
    assert code == 0
    assert "\nno rival is faster than cnnlab; the closest is torch, channels_last, data resident at batch 64" in shown
    assert (tmp_path / "bench.png").read_bytes().startswith(b"\x89PNG")
    assert "\ncallbacks=full, an epoch of 2.00 s: +2.5 % at batch 64, 1 thread (" in shown


@pytest.mark.slow
def test_without_a_compiler_for_torch_the_compiled_rivals_are_left_out_with_a_line(compose_run, monkeypatch):
    def fail(rival: Rival) -> None:
        raise RuntimeError("InvalidCxxCompiler: No working C++ compiler found\n\nSet TORCHDYNAMO_VERBOSE=1")

    monkeypatch.setattr(Rival, "compile", fail)
    config = compose_run("experiment=lecture", "data=mnist_5k", "console=none", "trainer=cpu")
    messages: list[str] = []
    threads = torch.get_num_threads()
    measurements = measure(config, [Setting(512, 1), Setting(1024, 1)], 1, messages.append)
    assert {each.contender for each in measurements} == EAGER
    assert len(measurements) == 2 * len(EAGER)
    assert all(each.epoch.train_s > 0 for each in measurements)
    assert [text for text in messages if "left out" in text] == [
        "torch.compile is left out, since it does not work here: InvalidCxxCompiler: No working C++ compiler found"
    ]
    assert torch.get_num_threads() == threads


@pytest.mark.slow
def test_the_command_writes_a_table_a_file_and_a_chart(tmp_path: Path):
    few = ("--repetitions", "1", "--startups", "1", "--pairs", "1")
    options = (*few, "--batch-sizes", "256", "--threads", "1", "--no-compile")
    done = subprocess.run(
        [sys.executable, "scripts/bench.py", *options, "--out", str(tmp_path)],
        cwd=REPOSITORY, capture_output=True, text=True, timeout=1200,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "start-up: first step after " in done.stdout
    assert "Lightning's cost over the bare loop" in done.stdout
    assert "callbacks=full, an epoch of " in done.stdout
    content = json.loads((tmp_path / "bench.json").read_text())
    assert {row["contender"] for row in content["rows"]} == EAGER
    assert all(content["startup"][name]["median"] > 1 for name in ("bare_s", "ours_s"))
    assert content["observing"]["with_s"] > 0
    assert content["machine"]["torch"] == torch.__version__
    assert content["machine"]["processor"] in done.stdout
    assert (tmp_path / "bench.png").read_bytes().startswith(b"\x89PNG")


def test_a_number_that_makes_no_sense_is_refused(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["bench.py", "--threads", "0"])
    with pytest.raises(SystemExit) as ended:
        bench.main()
    assert ended.value.code == 2
    assert "--threads 0 is not allowed; it must be >= 1" in capsys.readouterr().err

import fcntl
import os
import pty
import re
import select
import struct
import termios
from pathlib import Path

import pytest

from cnnlab.run.execution import run
from cnnlab.training.console import EpochLines, LectureLines, RunBar, make_console
from tests.conftest import SMALL
from tests.processes import start


def test_auto_draws_a_bar_on_a_terminal_only(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("sys.stdout.isatty", lambda: False, raising=False)
    assert [type(callback) for callback in make_console("auto")] == [EpochLines]
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    assert [type(callback) for callback in make_console("auto")] == [RunBar, EpochLines]


def test_each_name_has_its_callbacks():
    assert [type(callback) for callback in make_console("lecture")] == [LectureLines]
    assert make_console("none") == []


def test_one_line_an_epoch_and_a_table_at_the_end(compose_run, capsys: pytest.CaptureFixture[str]):
    run(
        compose_run(*SMALL, "console=lines", "trainer.max_epochs=2", "trainer.limit_train_batches=2", "callbacks=light")
    )
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "model lecture (21,840 parameters), optimizer momentum (lr 0.01), 2 epochs on cpu"
    assert lines[1].startswith("data mnist_5k (4,000 training, 500 validation, 500 test images), folder ")
    assert [line[:9] for line in lines[2:4]] == ["epoch 1/2", "epoch 2/2"]
    assert "  train loss 2." in lines[2]
    assert "  val loss 2." in lines[2]
    assert lines[2].endswith("%  lr 0.01")
    assert [line.split()[0] for line in lines[5:]] == [
        "test",
        "validation",
        "epochs",
        "seconds",
        "data",
        "folder",
        "look",
    ]


def test_the_lectures_lines_count_images_and_batches(compose_run, capsys: pytest.CaptureFixture[str]):
    run(compose_run(*SMALL, "console=lecture", "trainer.max_epochs=1", "data.batch_size=10", "callbacks=light"))
    lines = [line.partition("Loss:")[0] for line in capsys.readouterr().out.splitlines()]
    assert lines[2:5] == ["Train Epoch: 1 [0/4000 (0%)]\t", "Train Epoch: 1 [2000/4000 (50%)]\t", "[1] Validation "]


@pytest.mark.slow
def test_a_terminal_shows_a_bar_below_the_epochs_lines(tmp_path: Path):
    terminal, inside = pty.openpty()
    fcntl.ioctl(inside, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 120, 0, 0))
    length = ("trainer.max_epochs=2", "callbacks=light", "logger=none")
    command = start(
        Path(os.ttyname(inside)), "data=mnist_5k", "trainer=cpu", *length, f"hydra.run.dir={tmp_path / 'run'}"
    )
    shown = b""
    while command.process.is_alive() or select.select([terminal], [], [], 0)[0]:
        if select.select([terminal], [], [], 0.1)[0]:
            shown += os.read(terminal, 65536)
    os.close(inside)
    os.close(terminal)
    text = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", shown.decode())
    assert command.process.exitcode == 0, text
    assert re.search(r"epoch 1/2 ━+ +\d+/126 steps, time left", text)
    assert re.search(r"epoch 2/2 ━+ +126/126 steps, time left", text)
    assert "epoch 2/2  train loss" in text
    assert text.rstrip().splitlines()[-1].startswith("folder")

"""The start of the command, in real processes: signals at any moment, and closed standard streams."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from cnnlab.cli import start
from cnnlab.cli.start import open_standard_streams
from cnnlab.signals import SIGNALS, Interrupted, restored
from tests.conftest import REPOSITORY, SMALL
from tests.processes import PATIENCE_S, unmeasured

SHORT = (*SMALL, "trainer.max_epochs=1", "trainer.limit_train_batches=2", "callbacks=light", "logger=none")
# reaches its handlers, says so, and goes on with its imports
ANNOUNCED = "import os, cnnlab.cli.start as s; e = s.exit_at_once; s.exit_at_once = lambda: (e(), os.write(1, b'.'))"


@pytest.mark.slow
def test_a_signal_at_any_moment_ends_the_command_with_its_exit_code_and_no_traceback(tmp_path: Path):
    """From the first import to the first step; several at a time, since each takes a second or more."""
    code = f"{ANNOUNCED}; import sys; sys.exit(s.main())"
    moments = [0.0, 0.05, 0.1, 0.2, 0.4, 0.8, 1.2, 1.6, 2.0]
    started = []
    for number, moment in enumerate(moments):
        command = [sys.executable, "-c", code, *SHORT, "trainer.max_epochs=1000", f"hydra.run.dir={tmp_path}/{number}"]
        process = subprocess.Popen(
            command, cwd=REPOSITORY, env=unmeasured(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        assert process.stdout is not None
        assert process.stdout.read(1) == "."
        time.sleep(moment)
        signum = SIGNALS[number % len(SIGNALS)]
        process.send_signal(signum)
        started.append((moment, signum, process))
    for moment, signum, process in started:
        _, text = process.communicate(timeout=PATIENCE_S)
        assert process.returncode == 128 + signum, (moment, text)
        assert "Traceback" not in text, (moment, text)
        assert "Exception ignored" not in text, (moment, text)


def test_a_second_signal_does_not_change_the_exit_code(monkeypatch: pytest.MonkeyPatch):
    """Python resets the handlers of signals when it ends, but not ignored ones."""

    def interrupted() -> int:
        raise Interrupted(signal.SIGTERM)

    monkeypatch.setattr("cnnlab.cli.main.main", interrupted)
    with restored():
        with pytest.raises(Interrupted):
            start.main()
        assert {signal.getsignal(signum) for signum in SIGNALS} == {signal.SIG_IGN}


def test_an_interrupt_before_the_handlers_are_set_is_no_traceback(tmp_path: Path):
    """In place of the package, one that is interrupted while it is imported."""
    (tmp_path / "cnnlab" / "cli").mkdir(parents=True)
    for package in ("cnnlab", "cnnlab/cli"):
        (tmp_path / package / "__init__.py").touch()
    (tmp_path / "cnnlab" / "cli" / "start.py").write_text("raise KeyboardInterrupt")
    command = [sys.executable, str(REPOSITORY / "train.py")]
    done = subprocess.run(
        command, env={**unmeasured(), "PYTHONPATH": str(tmp_path)}, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "")


@pytest.mark.slow
def test_a_lost_terminal_leaves_a_checkpoint_and_a_result(tmp_path: Path):
    folder = tmp_path / "run"
    command = [sys.executable, "train.py", *SHORT, "trainer.max_epochs=1000", f"hydra.run.dir={folder}"]
    with subprocess.Popen(command, cwd=REPOSITORY, env=unmeasured(), stderr=subprocess.PIPE, text=True) as process:
        while process.poll() is None and not (folder / "metrics.csv").exists():
            time.sleep(0.02)
        process.send_signal(signal.SIGHUP)
        _, text = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 129, text
    assert f"resume it with: python train.py resume={folder}" in text
    assert (folder / "checkpoints" / "last.ckpt").is_file()
    assert '"status": "interrupted"' in (folder / "result.json").read_text()


@pytest.mark.slow
def test_a_run_needs_no_standard_streams(tmp_path: Path):
    command = 'exec "$0" train.py "$@" >&- 2>&-'
    arguments = [*SHORT, f"hydra.run.dir={tmp_path / 'run'}"]
    done = subprocess.run(["sh", "-c", command, sys.executable, *arguments], cwd=REPOSITORY, env=unmeasured())
    assert done.returncode == 0
    assert '"status": "completed"' in (tmp_path / "run" / "result.json").read_text()


@pytest.mark.slow
def test_a_sweep_needs_no_standard_streams_and_no_terminal_that_knows_its_letters(tmp_path: Path):
    command = 'exec "$0" train.py -m "$@" <&- >&- 2>&-'
    arguments = ["seed=0", "sweep.name=λ", f"hydra.sweep.dir={tmp_path / 'λ'}", *SHORT]
    environment = unmeasured() | {"PYTHONIOENCODING": "latin-1"}
    done = subprocess.run(["sh", "-c", command, sys.executable, *arguments], cwd=REPOSITORY, env=environment)
    (log,) = (tmp_path / "λ" / "logs").glob("*.log")
    assert done.returncode == 0, log.read_text(encoding="utf-8")
    assert "λ" in log.read_text(encoding="utf-8").partition("\n")[0]


def test_a_closed_stream_is_the_null_device():
    code = "import sys; sys.stdout = None; from cnnlab.cli.start import open_standard_streams as o; o(); print('x')"
    done = subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, check=True)
    assert (done.stdout, done.stderr) == (b"", b"")
    before = sys.stdin, sys.stdout, sys.stderr
    open_standard_streams()
    assert (sys.stdin, sys.stdout, sys.stderr) == before

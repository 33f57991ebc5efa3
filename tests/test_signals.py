import os
import signal
import subprocess
import sys

import pytest

from cnnlab.signals import HANGUP, SIGNALS, Interrupted, SignalGuard, ignored, silent_where_dropped


def test_outside_a_deferred_block_a_signal_ends_at_once():
    with SignalGuard(), pytest.raises(Interrupted) as interrupted:
        os.kill(os.getpid(), signal.SIGTERM)
    assert interrupted.value.code == 143


def test_a_deferred_signal_waits_for_the_check(capfd: pytest.CaptureFixture[str]):
    with SignalGuard() as guard, pytest.raises(Interrupted) as interrupted:
        guard.deferring = True
        os.kill(os.getpid(), signal.SIGINT)
        reached = True
        guard.check()
        reached = False
    assert reached
    assert interrupted.value.code == 130
    assert "SIGINT: stopping with a checkpoint after this step; again to stop immediately" in capfd.readouterr().err


def test_a_second_signal_ends_at_once():
    with SignalGuard() as guard, pytest.raises(Interrupted):
        guard.deferring = True
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGINT)
        pytest.fail("the second signal was held back too")


def test_the_handlers_before_come_back():
    before = signal.getsignal(signal.SIGTERM)
    with SignalGuard():
        assert signal.getsignal(signal.SIGTERM) != before
    assert signal.getsignal(signal.SIGTERM) == before


def test_a_signal_whose_exception_python_dropped_is_raised_when_the_next_guard_begins():
    with SignalGuard() as outer:
        outer.received = signal.SIGTERM  # what is raised in a weak reference's callback is only printed
        with pytest.raises(Interrupted) as error, SignalGuard():
            pytest.fail("it goes on")
    assert error.value.code == 143


@pytest.mark.parametrize("signum", SIGNALS)
def test_every_signal_exits_with_128_and_its_number(signum: signal.Signals):
    with SignalGuard(), pytest.raises(Interrupted) as interrupted:
        os.kill(os.getpid(), signum)
    assert interrupted.value.code == 128 + signum


def test_a_hangup_that_nohup_ignores_stays_ignored():
    before = signal.signal(HANGUP, signal.SIG_IGN)
    try:
        with SignalGuard() as guard:
            os.kill(os.getpid(), HANGUP)
            assert guard.received is None
            with ignored():
                pass
            assert signal.getsignal(HANGUP) is signal.SIG_IGN
    finally:
        signal.signal(HANGUP, before)


def test_an_interruption_that_python_drops_is_not_printed_and_not_lost(capfd: pytest.CaptureFixture[str]):
    class Dropping:
        def __del__(self) -> None:
            os.kill(os.getpid(), signal.SIGTERM)

    with silent_where_dropped(), SignalGuard() as guard:
        dropping = Dropping()
        del dropping
        with pytest.raises(Interrupted):
            guard.check()
    assert capfd.readouterr().err == ""


def test_the_module_imports_nothing_that_takes_time():
    """Since the command line must handle signals before all else."""
    code = "import sys; import cnnlab.cli.start; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert not loaded & {"hydra", "omegaconf", "yaml", "filelock", "argparse", "importlib.metadata", "torch"}

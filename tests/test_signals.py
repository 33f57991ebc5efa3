import os
import signal

import pytest

from cnnlab.signals import Interrupted, SignalGuard


def test_outside_a_deferred_block_a_signal_ends_at_once():
    with SignalGuard(), pytest.raises(Interrupted) as interrupted:
        os.kill(os.getpid(), signal.SIGTERM)
    assert interrupted.value.code == 143


def test_a_deferred_signal_waits_for_the_check(capsys: pytest.CaptureFixture[str]):
    with SignalGuard() as guard, pytest.raises(Interrupted) as interrupted:
        guard.deferring = True
        os.kill(os.getpid(), signal.SIGINT)
        reached = True
        guard.check()
        reached = False
    assert reached
    assert interrupted.value.code == 130
    assert "SIGINT: stopping with a checkpoint after this step; again to stop immediately" in capsys.readouterr().err


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

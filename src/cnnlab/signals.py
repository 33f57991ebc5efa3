"""Handles SIGINT, SIGTERM and SIGHUP: a checkpoint while training, then exit code 130, 143 or 129.

It imports nothing that takes time, since `cli/start.py` needs it before anything else.
"""

import contextlib
import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType, TracebackType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import subprocess

HANGUP = getattr(signal, "SIGHUP", None)  # the terminal was closed, or ssh lost; Windows has none
SIGNALS: tuple[signal.Signals, ...] = (signal.SIGINT, signal.SIGTERM, *([] if HANGUP is None else [HANGUP]))
EXIT_SIGNAL = 128  # plus the signal's number: the exit code


class Interrupted(SystemExit):
    """The process received one of `SIGNALS`; uncaught, it exits with 128 + the signal's number."""

    def __init__(self, signum: int) -> None:
        super().__init__(EXIT_SIGNAL + signum)
        self.signum = signum


def ignore() -> None:
    """Ignores the signals from now on: the outcome is written, and the process is about to end."""
    _set(signal.SIG_IGN)


def exit_at_once() -> None:
    """Ends the process on a signal from now on, without unwinding.

    Used while modules are imported: an exception would be swallowed by some of them, or end in a traceback.
    """
    _set(lambda signum, _: os._exit(EXIT_SIGNAL + signum))


@contextmanager
def restored() -> Iterator[None]:
    """Restores the handlers of the signals at the end of a block that changes them."""
    before = {signum: signal.getsignal(signum) for signum in SIGNALS}
    try:
        yield
    finally:
        for signum, handler in before.items():
            signal.signal(signum, handler)


@contextmanager
def ignored() -> Iterator[None]:
    """Ignores the signals, while a run's last file is written."""
    with restored():
        ignore()
        yield


@contextmanager
def passed_on(*processes: "subprocess.Popen[Any]") -> Iterator[None]:
    """Passes the signals on to processes in sessions of their own, which then end in order; this one goes on.

    Args:
        processes: That were started with `start_new_session=True`: else a Ctrl-C would reach them twice.
    """

    def pass_on(signum: int, _: FrameType | None) -> None:
        for process in processes:
            process.send_signal(signum)

    with restored():
        _set(pass_on)
        yield


@contextmanager
def blocked(signals: tuple[signal.Signals, ...] = SIGNALS) -> Iterator[None]:
    """Blocks the signals; a process that is started inside inherits this until it unblocks them."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, signals)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _set(handler: "Handler") -> None:
    for signum in _handled():
        signal.signal(signum, handler)


def _handled() -> list[signal.Signals]:
    """The signals to handle: a hangup stays ignored, as `nohup` wants."""
    return [signum for signum in SIGNALS if signum != HANGUP or signal.getsignal(signum) is not signal.SIG_IGN]


Handler = Callable[[int, FrameType | None], Any] | int | signal.Handlers | None


class SignalGuard:
    """Raises `Interrupted` on a signal: immediately, or while `deferring`, when `check()` is called.

    A second signal always raises immediately. Use it as a context manager, in the main thread.

    Attributes:
        received: The signal received; None if none has been.
        deferring: Whether the first signal waits for `check()`.
    """

    def __init__(self) -> None:
        self.received: int | None = None
        self.deferring = False
        self._previous: dict[int, Handler] = {}

    def __enter__(self) -> "SignalGuard":
        self._previous = {signum: signal.getsignal(signum) for signum in SIGNALS}
        for handler in self._previous.values():
            outer = getattr(handler, "__self__", None)
            if isinstance(outer, SignalGuard):
                outer.check()  # Python drops what is raised in a weak reference's callback
        self.install()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for signum, handler in self._previous.items():
            signal.signal(signum, handler)

    def install(self) -> None:
        """Installs the handlers, also over those that a library has installed since, and unblocks the signals."""
        for signum in _handled():
            signal.signal(signum, self._handle)
        if hasattr(signal, "pthread_sigmask"):  # else there is no fork server, which starts jobs with blocked signals
            signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)

    def check(self) -> None:
        """Raises `Interrupted` if a signal has been received."""
        if self.received is not None:
            raise Interrupted(self.received)

    def _handle(self, signum: int, frame: FrameType | None) -> None:
        first = self.received is None
        self.received = self.received or signum
        if not (first and self.deferring):
            raise Interrupted(signum)
        text = f"{signal.Signals(signum).name}: stopping with a checkpoint after this step; again to stop immediately"
        with contextlib.suppress(OSError):  # not print, which the signal may have interrupted
            os.write(2, f"\n{text}\n".encode())


@contextmanager
def silent_where_dropped() -> Iterator[None]:
    """Keeps Python from printing an `Interrupted` that it drops: the guard still has the signal."""
    before = sys.unraisablehook

    def hook(dropped: Any) -> None:
        if not isinstance(dropped.exc_value, Interrupted):
            before(dropped)

    sys.unraisablehook = hook
    try:
        yield
    finally:
        sys.unraisablehook = before

"""SIGINT and SIGTERM as an orderly end: exit codes 130 and 143, with a checkpoint while training."""

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType, TracebackType

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Interrupted(SystemExit):
    """The process was asked to end; uncaught, it exits with 128 + the signal's number."""

    def __init__(self, signum: int) -> None:
        super().__init__(128 + signum)
        self.signum = signum


@contextmanager
def ignored() -> Iterator[None]:
    """Inside, SIGINT and SIGTERM do nothing: for the moment in which a run's last file is written."""
    before = {signum: signal.signal(signum, signal.SIG_IGN) for signum in SIGNALS}
    try:
        yield
    finally:
        for signum, handler in before.items():
            signal.signal(signum, handler)


@contextmanager
def held_back() -> Iterator[None]:
    """Inside, SIGINT and SIGTERM wait; a process that is started inside has them wait until it lets them come."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


class SignalGuard:
    """Raises `Interrupted` when a signal comes: at once, or while `deferring`, when `check()` is called.

    A second signal raises at once all the same. Use it as a context, in the main thread.

    Attributes:
        received: The signal that has come, if one has.
        deferring: Whether the first signal waits for `check()`.
    """

    def __init__(self) -> None:
        self.received: int | None = None
        self.deferring = False
        self._previous: dict[int, signal._HANDLER] = {}

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
        """Takes the signals, also from a library that has taken them since, and lets come those that were held back."""
        for signum in SIGNALS:
            signal.signal(signum, self._handle)
        if hasattr(signal, "pthread_sigmask"):  # else there is no fork server, which starts jobs with them held back
            signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)

    def check(self) -> None:
        """Raises `Interrupted` if a signal has come."""
        if self.received is not None:
            raise Interrupted(self.received)

    def _handle(self, signum: int, frame: FrameType | None) -> None:
        first = self.received is None
        self.received = self.received or signum
        if not (first and self.deferring):
            raise Interrupted(signum)
        print(
            f"\n{signal.Signals(signum).name}: stopping after this step with a checkpoint; again to stop at once",
            file=sys.stderr,
            flush=True,
        )

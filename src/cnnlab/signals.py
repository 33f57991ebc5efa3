"""Handles SIGINT and SIGTERM: a checkpoint while training, then exit code 130 or 143."""

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType, TracebackType

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Interrupted(SystemExit):
    """The process received SIGINT or SIGTERM; uncaught, it exits with 128 + the signal's number."""

    def __init__(self, signum: int) -> None:
        super().__init__(128 + signum)
        self.signum = signum


@contextmanager
def ignored() -> Iterator[None]:
    """Ignores SIGINT and SIGTERM, while a run's last file is written."""
    before = {signum: signal.signal(signum, signal.SIG_IGN) for signum in SIGNALS}
    try:
        yield
    finally:
        for signum, handler in before.items():
            signal.signal(signum, handler)


@contextmanager
def blocked() -> Iterator[None]:
    """Blocks SIGINT and SIGTERM; a process that is started inside inherits this until it unblocks them."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


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
        """Installs the handlers, also over those that a library has installed since, and unblocks the signals."""
        for signum in SIGNALS:
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
        print(
            f"\n{signal.Signals(signum).name}: stopping with a checkpoint after this step; again to stop immediately",
            file=sys.stderr,
            flush=True,
        )

"""What a program prints is not what it is for: it goes on when nobody reads any more."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TextIO


@contextmanager
def unfailing_output() -> Iterator[None]:
    """Inside, no write to standard output or error fails.

    When a pipe's reader is gone (`| head`; a Ctrl-C ends `| tee` too) or the disk is full, what is printed is dropped.
    A character that the terminal's encoding lacks is written as its code.
    """
    before = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = _Unfailing(before[0]), _Unfailing(before[1])
    try:
        yield
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        sys.stdout, sys.stderr = before


class _Unfailing:
    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        try:
            return self._stream.write(text)
        except UnicodeEncodeError:
            encoding = self._stream.encoding
            return self._stream.write(text.encode(encoding, errors="backslashreplace").decode(encoding))
        except OSError:
            self._drop()
            return len(text)

    def flush(self) -> None:
        try:
            self._stream.flush()
        except OSError:
            self._drop()

    def _drop(self) -> None:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, self._stream.fileno())  # also what is still buffered
        os.close(nowhere)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

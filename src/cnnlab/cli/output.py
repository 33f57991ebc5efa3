"""Keeps a program running when its output cannot be written."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TextIO


@contextmanager
def safe_output() -> Iterator[None]:
    """Makes writes to standard output and error never fail.

    Output is dropped when a pipe's reader has exited (`| head`, or `| tee` on Ctrl-C) or the disk is full. A character
    that the terminal's encoding lacks is escaped.
    """
    before = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = _SafeStream(before[0]), _SafeStream(before[1])
    try:
        yield
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        sys.stdout, sys.stderr = before


class _SafeStream:
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
        os.dup2(nowhere, self._stream.fileno())  # also drops buffered output
        os.close(nowhere)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

"""Keeps a program running when its output cannot be written."""

import logging
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TextIO


@contextmanager
def safe_output() -> Iterator[None]:
    """Makes writes to standard output and error never fail.

    Output is dropped when a pipe's reader has exited (`| head`, or `| tee` on Ctrl-C) or the disk is full. A character
    that the terminal's encoding lacks is escaped. A log file that cannot be written is passed over, and a library's
    thread that ends for this reason, such as the writer of TensorBoard's events, leaves one line.
    """
    before = sys.stdout, sys.stderr, logging.raiseExceptions, threading.excepthook
    sys.stdout, sys.stderr = _SafeStream(before[0]), _SafeStream(before[1])
    logging.raiseExceptions = False  # else it prints the traceback of what it cannot write
    threading.excepthook = _report_thread
    try:
        yield
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        sys.stdout, sys.stderr, logging.raiseExceptions, threading.excepthook = before


def _report_thread(failure: threading.ExceptHookArgs) -> None:
    if not isinstance(failure.exc_value, OSError):
        threading.__excepthook__(failure)
        return
    error = failure.exc_value
    where = f": {error.filename}" if error.filename else ""
    print(f"warning: a thread could not write ({error.strerror}{where}), and has ended", file=sys.stderr)


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

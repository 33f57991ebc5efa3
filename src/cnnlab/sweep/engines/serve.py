"""The process that forks jobs: it loads once what all of them import, and the data that they read.

It is ours, and not multiprocessing's, since that one has a socket in TMPDIR, which may be full, missing or too long
(and is left behind by a kill), and since its death is the death of whoever asks it for a process.
"""

import os
import pickle
import selectors
import signal
import socket
import struct
import sys
import threading
import traceback
from collections.abc import Callable
from contextlib import suppress

from cnnlab.errors import EXIT_USER_ERROR, UserError

NUMBER = struct.Struct("q")  # a process id or an exit code, in a pipe


def serve(control: socket.socket, preload: Callable[[], None]) -> None:
    """Forks a process for each request, and ends when the sweep does.

    A request is a byte with two pipes: the process reads its work from the one, which the sweep keeps open for as long
    as it lives, and writes its process id to the other, to which its exit code is added.

    Args:
        control: Connected to the sweep.
        preload: Loads what the processes share; if it fails, they will say why.
    """
    with suppress(Exception):
        preload()
    woken, wake = _pipe_of_child_ends()
    statuses: dict[int, int] = {}  # process id to pipe
    with selectors.DefaultSelector() as selector:
        selector.register(control, selectors.EVENT_READ)
        selector.register(woken, selectors.EVENT_READ)
        while True:
            ready = [key.fileobj for key, _ in selector.select()]
            if woken in ready:
                os.read(woken, 65_536)
                _pass_on_exit_codes(statuses)
            if control in ready:
                request, pipes, _, _ = socket.recv_fds(control, 1, 2)
                if not request:
                    return
                work, status = pipes
                _fork_job(work, status, statuses, of_server=(control.fileno(), woken, wake))


def _pipe_of_child_ends() -> tuple[int, int]:
    """A pipe in which a byte arrives whenever a child ends; its ends for reading and writing."""
    woken, wake = os.pipe()
    os.set_blocking(woken, False)
    os.set_blocking(wake, False)
    signal.signal(signal.SIGCHLD, lambda *_: None)  # a signal without a handler does not wake the selector
    signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
    return woken, wake


def _fork_job(work: int, status: int, statuses: dict[int, int], of_server: tuple[int, ...]) -> None:
    """Forks a job's process, and adds its pipe to those of the others.

    Args:
        work: The pipe that the process reads.
        status: The pipe that it writes.
        statuses: The pipes of the other jobs, by process id.
        of_server: Descriptors that no job may keep.
    """
    try:
        pid = os.fork()
    except OSError:  # no memory or no process left: the sweep sees the pipes closed, and tries again
        os.close(work)
        os.close(status)
        return
    if pid == 0:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        for descriptor in (*of_server, *statuses.values()):
            os.close(descriptor)
        _become_job(work, status)
    statuses[pid] = status
    os.close(work)


def _pass_on_exit_codes(statuses: dict[int, int]) -> None:
    while statuses:
        pid, wait_status = os.waitpid(-1, os.WNOHANG)
        if pid == 0:
            return
        status = statuses.pop(pid)
        with suppress(BrokenPipeError):  # the sweep is gone
            os.write(status, NUMBER.pack(os.waitstatus_to_exitcode(wait_status)))
        os.close(status)


def _become_job(work: int, status: int) -> None:
    """Runs what comes from the pipe; never returns."""
    exit_code = 1
    for descriptor in (work, status):
        os.set_inheritable(descriptor, False)  # not by what the job starts
    try:
        os.setsid()  # a Ctrl-C in the terminal reaches only the sweep, which forwards it once the job can handle it
        os.write(status, NUMBER.pack(os.getpid()))
        with open(work, "rb", closefd=False) as stream:
            function, arguments = pickle.load(stream)  # from the sweep, which is this user
        threading.Thread(target=_end_with_sweep, args=(work,), daemon=True).start()
        exit_code = _exit_code_of(function, arguments)
        for thread in threading.enumerate():
            if thread is not threading.main_thread() and not thread.daemon:
                thread.join()
        sys.stdout.flush()
        sys.stderr.flush()
    finally:
        with suppress(OSError):  # here too, since the server may be killed; the first counts
            os.write(status, NUMBER.pack(exit_code))
        os._exit(exit_code)


def _exit_code_of(function: Callable[..., None], arguments: tuple[object, ...]) -> int:
    try:
        function(*arguments)
    except SystemExit as error:
        if error.code is None or isinstance(error.code, int):
            return error.code or 0
        print(error.code, file=sys.stderr)
        return 1
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return EXIT_USER_ERROR
    except BaseException as error:
        traceback.print_exception(error)
        return 1
    return 0


def _end_with_sweep(work: int) -> None:
    """Kills this process, and all that it has started, when the sweep ends, however it ends.

    The run can be resumed, and another sweep may start here at any moment.
    """
    with suppress(OSError):
        os.read(work, 1)  # nothing more is written: the sweep has closed the pipe
    os.killpg(0, signal.SIGKILL)

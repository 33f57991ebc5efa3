"""The first thing that runs, before anything that takes time to import: signals and the standard streams."""

import os
import sys

from cnnlab.signals import exit_at_once, ignore


def main() -> int:
    """`cnnlab` and `python train.py`: composes an experiment from `sys.argv` and runs it.

    Returns:
        The exit code, as for `cnnlab.cli.main.command_line`.
    """
    exit_at_once()
    open_standard_streams()
    from cnnlab.cli.main import main as run_command_line  # here, since it takes half a second

    try:
        return run_command_line()
    finally:
        ignore()  # else a second signal, while Python ends, would kill the process, and so change its exit code


def open_standard_streams() -> None:
    """Opens the null device in place of a closed standard stream (`>&-`).

    Otherwise the next file that is opened becomes the standard output, and what is printed damages it.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)  # takes the lowest free number
    sys.stdin = sys.stdin or open(os.devnull, encoding="utf-8")  # noqa: PTH123, SIM115
    sys.stdout = sys.stdout or open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123, SIM115
    sys.stderr = sys.stderr or open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123, SIM115

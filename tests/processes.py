"""train.py in real processes, forked from a server that has torch loaded, so that each starts at once."""

import multiprocessing
import os
import runpy
import sys
from dataclasses import dataclass
from multiprocessing import forkserver
from multiprocessing.process import BaseProcess
from pathlib import Path

REPOSITORY = Path(__file__).parents[1]
CONTEXT = multiprocessing.get_context("forkserver")
CONTEXT.set_forkserver_preload(["cnnlab.run.execution"])
PATIENCE_S = 600  # far more than anything takes on a slow machine


def unmeasured() -> dict[str, str]:
    """This environment without the variables that measure coverage in child processes, which takes time and memory."""
    return {name: value for name, value in os.environ.items() if not name.startswith("COV")}


@dataclass
class Command:
    """A started train.py."""

    process: BaseProcess
    output: Path

    def wait(self) -> tuple[int, str]:
        """Its exit code (negative: killed by that signal) and its output."""
        self.process.join(PATIENCE_S)
        if self.process.exitcode is None:
            self.process.kill()
            raise TimeoutError(f"still running after {PATIENCE_S} s: {self.output.read_text()}")
        return self.process.exitcode, self.output.read_text()


def start(
    output: Path, *arguments: str, environment: dict[str, str] | None = None, lends_server: bool = False
) -> Command:
    """Starts `python train.py` with these arguments in the repository; it prints into a file.

    Args:
        lends_server: Whether a sweep also forks its jobs from the tests' server, instead of loading its own.
    """
    forkserver.ensure_running()  # sets its address
    server = forkserver._forkserver._forkserver_address if lends_server else None
    process = CONTEXT.Process(target=_main, args=(output, arguments, environment or {}, server))
    process.start()
    return Command(process, output)


def _main(output: Path, arguments: tuple[str, ...], environment: dict[str, str], server: str | None) -> None:
    if server is not None:  # no public API
        forkserver._forkserver._forkserver_address = server
        forkserver._forkserver.ensure_running = forkserver.ensure_running = lambda: None
    file = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(file, 1)
    os.dup2(file, 2)
    os.chdir(REPOSITORY)
    os.environ.update(environment)
    sys.argv = ["train.py", *arguments]
    runpy.run_path("train.py", run_name="__main__")

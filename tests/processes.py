"""train.py in real processes, forked from a server that has torch loaded, so that each starts in a moment."""

import multiprocessing
import os
import runpy
import sys
from dataclasses import dataclass
from multiprocessing.process import BaseProcess
from pathlib import Path

REPOSITORY = Path(__file__).parents[1]
CONTEXT = multiprocessing.get_context("forkserver")
CONTEXT.set_forkserver_preload(["cnnlab.training"])


def unmeasured() -> dict[str, str]:
    """This environment, without what makes a new process measure its own coverage, which takes time and memory."""
    return {name: value for name, value in os.environ.items() if not name.startswith("COV")}


@dataclass
class Command:
    """A started train.py."""

    process: BaseProcess
    output: Path

    def wait(self, timeout_s: float = 120) -> tuple[int, str]:
        """Its exit code (negative: killed by that signal) and all that it printed."""
        self.process.join(timeout_s)
        if self.process.exitcode is None:
            self.process.kill()
            raise TimeoutError(f"still running after {timeout_s} s: {self.output.read_text()}")
        return self.process.exitcode, self.output.read_text()


def start(output: Path, *arguments: str, environment: dict[str, str] | None = None) -> Command:
    """Starts `python train.py` with these arguments in the repository; it prints into a file."""
    process = CONTEXT.Process(target=_main, args=(output, arguments, environment or {}))
    process.start()
    return Command(process, output)


def _main(output: Path, arguments: tuple[str, ...], environment: dict[str, str]) -> None:
    file = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(file, 1)
    os.dup2(file, 2)
    os.chdir(REPOSITORY)
    os.environ.update(environment)
    sys.argv = ["train.py", *arguments]
    runpy.run_path("train.py", run_name="__main__")

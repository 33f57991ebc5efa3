"""What a sweep says of its jobs at the end."""

import re
from collections.abc import Generator, Iterable
from pathlib import Path

import pytest

from cnnlab.sweep import Job, Settings, Sweep, Task
from cnnlab.sweep.engines import Ended, Started, Tick
from tests.sweep.runs import begin, end


class Engine:
    """Completes each job at once, until it is stopped."""

    def __init__(self) -> None:
        self.is_stopped = False

    def run(self, tasks: Iterable[Task]) -> Generator[Started | Ended | Tick]:
        waiting = iter(tasks)
        while not self.is_stopped and (task := next(waiting, None)) is not None:
            yield Started(task.job)
            begin(task.job)
            end(task.job, "diverged", "a loss is infinite")
            yield Ended(task.job, 3, 1.0)

    def stop(self, signum: int) -> None:
        self.is_stopped = True

    def close(self) -> None:
        """Nothing is held."""


@pytest.fixture
def tasks(tmp_path: Path) -> list[Task]:
    return [Task(Job.in_sweep(tmp_path, name, ()), Path("train.py"), ()) for name in "ab"]


def test_trials_that_ran_on_other_machines_are_not_called_not_started(
    tmp_path: Path, tasks: list[Task], capsys: pytest.CaptureFixture[str]
):
    Sweep(tmp_path, num_todo=5, num_done=1, settings=Settings()).run(Engine(), iter(tasks))
    text = capsys.readouterr().out
    assert re.search(r"3 jobs in 0:00:\d\d: 2 diverged, 1 done before", text)
    assert "resume" not in text


@pytest.mark.parametrize(("commands", "lines"), [((), ["in {}"]), (("look at",), ["in {}; next:", "  look at {}"])])
def test_what_to_do_next_is_said_unless_a_report_will_say_it(
    tmp_path: Path, tasks: list[Task], capsys: pytest.CaptureFixture[str], commands: tuple[str, ...], lines: list[str]
):
    sweep = Sweep(tmp_path, num_todo=2, num_done=0, settings=Settings(), next_commands=commands)
    sweep.run(Engine(), iter(tasks))
    printed = capsys.readouterr().out.splitlines()
    assert printed[-len(lines) :] == [line.format(tmp_path) for line in lines]
    assert not printed[-len(lines) - 1].startswith("in ")


def test_jobs_that_a_stopped_sweep_did_not_start_are(
    tmp_path: Path, tasks: list[Task], capsys: pytest.CaptureFixture[str]
):
    settings = Settings(fail_fast=True, fail_on_divergence=True)
    with pytest.raises(RuntimeError):
        Sweep(tmp_path, num_todo=2, num_done=0, settings=settings).run(Engine(), iter(tasks))
    text = capsys.readouterr().out
    assert re.search(r"2 jobs in 0:00:\d\d: 1 diverged, 1 not started", text)
    assert "run the same command again to resume the sweep" in text

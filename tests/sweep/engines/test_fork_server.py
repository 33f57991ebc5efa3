"""The fork server of a sweep on this machine, killed at every moment, with jobs that are trivial."""

import errno
import os
import signal
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from cnnlab.errors import UserError
from cnnlab.sweep import Job, Settings, Sweep, Task
from cnnlab.sweep.engines import Ended, fork_server
from cnnlab.sweep.engines.fork_server import Allocation, Server
from cnnlab.sweep.engines.local import LocalEngine
from cnnlab.sweep.outcome import determine_outcome
from tests.processes import Forked, launch_by_fork
from tests.sweep.kills import is_alive, jobs, parent

TRIVIAL = """
import pathlib, sys, time
sweep, name = pathlib.Path(sys.argv[1]), sys.argv[2]
(sweep / f"{name}.started").touch()
while not (sweep / "open").exists():
    time.sleep(0.01)
print("λ")
(sweep / name / ".hydra").mkdir(parents=True)
(sweep / name / ".hydra" / "overrides.yaml").write_text("[]")
(sweep / name / "result.json").write_text('{"status": "completed", "error": null}')
"""
PATIENCE_S = 60


class Launches:
    """Starts servers, and kills the first of them.

    Args:
        kill: How many are killed at once.
    """

    def __init__(self, kill: int = 0) -> None:
        self.kill = kill
        self.pids: list[int] = []

    def __call__(self, config: str) -> tuple[socket.socket, Forked]:
        control, process = launch_by_fork(config)
        self.pids.append(process.pid)
        if len(self.pids) <= self.kill:
            process.kill()
        return control, process


@pytest.fixture
def launched(monkeypatch: pytest.MonkeyPatch) -> Launches:
    launches = Launches()
    monkeypatch.setattr(fork_server, "launch", launches)
    return launches


@pytest.fixture
def tasks(tmp_path: Path) -> list[Task]:
    program = tmp_path / "trivial.py"
    program.write_text(TRIVIAL)
    (tmp_path / "open").touch()
    return [Task(Job.in_sweep(tmp_path, name, ()), program, (str(tmp_path), name)) for name in "abcd"]


def ends(engine: LocalEngine, tasks: list[Task], on_tick: Callable[[], None] = lambda: None) -> Iterator[Ended]:
    with closing(engine):
        for event in engine.run(tasks):
            if isinstance(event, Ended):
                yield event
            on_tick()


def engine(at_a_time: int = 2) -> LocalEngine:
    return LocalEngine(Server(1, ""), [Allocation()] * at_a_time)


@pytest.mark.parametrize("kill", [0, 1, 2])
def test_a_server_that_is_killed_while_it_loads_is_started_again(
    launched: Launches, tasks: list[Task], kill: int, capfd: pytest.CaptureFixture[str]
):
    launched.kill = kill
    ended = list(ends(engine(), tasks))
    assert sorted((end.job.name, end.exit_code, end.reason) for end in ended) == [(name, 0, "") for name in "abcd"]
    assert len(launched.pids) == 1 + kill
    assert capfd.readouterr().err.count("the fork server was killed (out of memory?); it is started again") == kill


def test_a_server_that_is_always_killed_ends_the_sweep_and_not_in_a_traceback(
    launched: Launches, tasks: list[Task], tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    launched.kill = 1000
    with closing(engine()) as started, pytest.raises(RuntimeError):
        Sweep(tmp_path, 4, 0, Settings()).run(started, tasks)
    text = capsys.readouterr().out
    assert "1 killed, 3 not started" in text
    assert "a: killed, can be resumed: the fork server was killed 3 times before the job could start" in text
    assert len(launched.pids) == 3


def test_a_system_without_processes_or_files_left_is_said_in_one_line(
    launched: Launches, tasks: list[Task], monkeypatch: pytest.MonkeyPatch
):
    def fail(*args: object) -> None:
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    started = engine()
    monkeypatch.setattr(fork_server.socket, "send_fds", lambda *args: os.kill(launched.pids[0], signal.SIGKILL))
    monkeypatch.setattr(fork_server, "launch", fail)
    (ended,) = ends(started, tasks)
    line = "cannot be started (Too many open files); reduce hydra.launcher.n_jobs, or use hydra/launcher=basic"
    assert (ended.exit_code, ended.reason) == (-signal.SIGKILL, f"the job {line}")
    with pytest.raises(UserError) as error:
        engine()
    assert str(error.value) == f"the fork server {line}"


def test_jobs_survive_their_server_and_the_next_ones_get_another(launched: Launches, tasks: list[Task], tmp_path: Path):
    (tmp_path / "open").unlink()
    killed = False

    def kill_the_server() -> None:
        nonlocal killed
        if not killed and all((tmp_path / f"{name}.started").exists() for name in "ab"):
            os.kill(launched.pids[0], signal.SIGKILL)
            (tmp_path / "open").touch()
            killed = True

    ended = list(ends(engine(), tasks, kill_the_server))
    assert killed
    assert sorted((end.job.name, end.exit_code, end.reason) for end in ended) == [(name, 0, "") for name in "abcd"]
    assert len(launched.pids) == 2


def test_a_job_that_is_killed_together_with_its_server_says_so(launched: Launches, tasks: list[Task], tmp_path: Path):
    (tmp_path / "open").unlink()
    started = engine(at_a_time=1)

    def kill_both() -> None:
        if (tmp_path / "a.started").exists() and not (tmp_path / "open").exists():
            (running,) = started._running.values()
            os.kill(launched.pids[0], signal.SIGKILL)
            os.kill(running.process.pid, signal.SIGKILL)
            (tmp_path / "open").touch()

    first, *others = ends(started, tasks, kill_both)
    assert (first.job.name, first.exit_code) == ("a", -signal.SIGKILL)
    assert first.reason == "killed together with its fork server; out of memory?"
    assert [(end.job.name, end.exit_code) for end in others] == [("b", 0), ("c", 0), ("d", 0)]


def test_a_job_ends_with_its_sweep_whether_or_not_the_server_lives(
    launched: Launches, tasks: list[Task], tmp_path: Path
):
    (tmp_path / "open").unlink()
    for number, kills_the_server in enumerate((False, True)):
        pid = os.fork()  # the sweep
        if pid == 0:
            list(ends(engine(at_a_time=1), tasks[number:]))
            os._exit(0)
        wait_for(lambda number=number: (tmp_path / f"{'ab'[number]}.started").exists())
        (job,) = jobs(tmp_path)
        if kills_the_server:
            os.kill(parent(job), signal.SIGKILL)
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        wait_for(lambda job=job: not is_alive(job))


def test_a_server_whose_preload_fails_still_serves(tasks: list[Task], monkeypatch: pytest.MonkeyPatch):
    def fail() -> None:
        raise RuntimeError("no such data")

    monkeypatch.setattr(fork_server, "launch", lambda config: launch_by_fork(config, fail))
    assert [end.exit_code for end in ends(engine(), tasks)] == [0, 0, 0, 0]


def test_what_is_not_a_log_fails_its_job_alone_and_is_named(launched: Launches, tasks: list[Task], tmp_path: Path):
    logs = tmp_path / "logs"
    logs.mkdir()
    os.mkfifo(logs / "a.log")  # which would hang whoever opens it
    (logs / "b.log").mkdir()
    (tmp_path / "mine").touch()
    (logs / "d.log").symlink_to(tmp_path / "mine")
    ended = {end.job.name: end for end in ends(engine(), tasks)}
    assert {name: end.exit_code for name, end in ended.items()} == {"a": 2, "b": 2, "c": 0, "d": 2}
    reasons = {determine_outcome(ended[name]).reason for name in "abd"}
    assert reasons == {f"cannot write the log {logs / name}.log; remove what is there" for name in "abd"}
    assert (tmp_path / "mine").read_bytes() == b""
    assert (logs / "c.log").read_text(encoding="utf-8").endswith("λ\n")


def test_nothing_is_left_in_the_folder_for_temporary_files(
    launched: Launches, tasks: list[Task], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("TMPDIR", str(tmp_path / "missing"))
    assert [end.exit_code for end in ends(engine(), tasks)] == [0, 0, 0, 0]
    assert not (tmp_path / "missing").exists()


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)

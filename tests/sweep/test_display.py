"""The progress display of a sweep."""

import io
from pathlib import Path

import pytest
from rich.console import Console

from cnnlab.run.folder import RunFolder
from cnnlab.run.status import Status
from cnnlab.sweep import Job, display
from cnnlab.sweep.display import Lines, LiveTable, Progress, describe, latest, make_display
from cnnlab.sweep.outcome import Outcome

HEAD = "epoch,step,lr,train/loss,train/acc,{split}/loss,{split}/acc,seconds\n"


def job(folder: Path, metrics: str | None = None) -> Job:
    folder.mkdir()
    if metrics is not None:
        (folder / "metrics.csv").write_text(metrics)
    return Job(folder.name, (), RunFolder(folder))


@pytest.mark.parametrize(
    ("metrics", "expected"),
    [
        (None, ("", "")),
        (HEAD.format(split="val"), ("", "")),
        (HEAD.format(split="val") + "1,9,.1,2,.1,2,.2,1\n2,1,.1,2,.1,2,.91,1\n", ("2", "validation accuracy 91.00%")),
        (HEAD.format(split="test") + "1,9,.1,2,.1,2,.5,1\n", ("1", "test accuracy 50.00%")),
        (HEAD.format(split="val") + "1,9,.1,2,.1,,,1\n", ("1", "")),
        ("another,file\n1,2\n", ("", "")),
        (HEAD.format(split="val") + "1,9,.1,2,.1,2,much,1\n", ("", "")),
    ],
)
def test_a_run_has_reached_its_last_row(tmp_path: Path, metrics: str | None, expected: tuple[str, str]):
    assert latest(job(tmp_path / "a", metrics).folder) == expected


def test_an_end_is_one_line(tmp_path: Path):
    one = job(tmp_path / "seed=1", HEAD.format(split="val") + "2,18,.1,2,.1,2,.5,1\n")
    completed = describe(Outcome(one, Status.COMPLETED, "", 3.14))
    assert completed == "seed=1: completed, epoch 2, validation accuracy 50.00%, 3.1 s"
    other = job(tmp_path / "seed=2")
    assert describe(Outcome(other, Status.FAILED, "no such", 0.0)) == "seed=2: failed, 0.0 s: no such"


def test_the_time_that_is_left_is_that_of_the_jobs_so_far(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(display.time, "monotonic", lambda: 100.0)
    progress = Progress(num_jobs=5, skipped=3)
    assert progress.summary() == "0/5 jobs: 3 skipped; time left ?"
    for name, status in (("a", Status.COMPLETED), ("b", Status.FAILED)):
        progress.count(Outcome(job(tmp_path / name), status, "", 1.0))
    monkeypatch.setattr(display.time, "monotonic", lambda: 120.0)
    assert progress.summary() == "2/5 jobs: 1 completed, 1 failed, 3 skipped; time left 0:00:30"


def test_without_a_terminal_there_is_a_line_for_each_end(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    shown = make_display(2, 0)
    assert isinstance(shown, Lines)
    for name in "ab":
        shown.started(one := job(tmp_path / name))
        shown.tick()
        shown.ended(Outcome(one, Status.COMPLETED, "", 1.0))
    shown.close()
    assert capsys.readouterr().out == "[1/2] a: completed, 1.0 s\n[2/2] b: completed, 1.0 s\n"


def test_on_a_terminal_there_is_a_row_for_each_running_job(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    screen = io.StringIO()
    console = Console(file=screen, width=100, force_terminal=True, color_system=None)
    monkeypatch.setattr(display, "Console", lambda: console)
    shown = LiveTable(Progress(2, 0))
    first, second = job(tmp_path / "first"), job(tmp_path / "second")
    for one in (first, second):
        shown.started(one)
    (first.folder.path / "metrics.csv").write_text(HEAD.format(split="val") + "7,9,.1,2,.1,2,.25,1\n")
    monkeypatch.setattr(display, "REFRESH_INTERVAL_S", -1.0)
    screen.truncate(0)
    shown.tick()
    drawn = screen.getvalue()
    assert all(text in drawn for text in ("first", "second", "7", "25.00%", "0/2 jobs; time left ?"))
    screen.truncate(0)
    shown.ended(Outcome(first, Status.FAILED, "no such", 1.0))
    _, _, below = screen.getvalue().partition("first: failed, epoch 7, validation accuracy 25.00%, 1.0 s: no such")
    assert "second" in below
    assert "1/2 jobs: 1 failed" in below
    assert "first" not in below.rpartition("running")[2]  # the table as it was last drawn
    shown.close()

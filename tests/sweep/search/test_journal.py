"""A study's journal that a full disk, a kill or somebody else has damaged."""

import os
import resource
from collections.abc import Callable
from pathlib import Path

import optuna
import pytest
from filelock import FileLock

from cnnlab.errors import UserError
from cnnlab.sweep.search.journal import repair, set_aside
from cnnlab.sweep.search.storage import Storage, in_words, storage_errors

DISTRIBUTION = {"lr": optuna.distributions.FloatDistribution(0.0, 1.0)}


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    """Of a study with two trials."""
    study = optuna.create_study(storage=Storage(None, tmp_path).open(), study_name="s")
    for _ in range(2):
        study.tell(study.ask(DISTRIBUTION), 0.5)
    return tmp_path / "study.journal"


def num_trials(folder: Path) -> int:
    return len(optuna.load_study(study_name="s", storage=Storage(None, folder).open()).trials)


def test_a_journal_that_is_torn_at_any_byte_can_be_read_and_continued(
    journal: Path, capsys: pytest.CaptureFixture[str]
):
    whole = journal.read_bytes()
    last = whole.rstrip(b"\n").rfind(b"\n") + 1
    for end in (last + 1, (last + len(whole)) // 2, len(whole) - 1):
        journal.write_bytes(whole[:end])
        assert num_trials(journal.parent) == 2
        assert journal.read_bytes().startswith(whole[:last])
        assert f"the last line was torn, by a full disk or a kill; its {end - last} bytes are cut, kept in " in (
            capsys.readouterr().err
        )
        optuna.load_study(study_name="s", storage=Storage(None, journal.parent).open()).ask(DISTRIBUTION)
        assert num_trials(journal.parent) == 3
    kept = journal.with_name("study.journal.torn").read_bytes().split(b"\n")
    assert kept[0] == whole[last : last + 1]
    journal.write_bytes(whole + bytes(100))  # after a power failure
    assert num_trials(journal.parent) == 2


def test_a_disk_that_fills_while_a_search_runs_does_not_tear_the_journal(journal: Path):
    storage = Storage(None, journal.parent).open()
    study = optuna.load_study(study_name="s", storage=storage)
    before = journal.read_bytes()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(before) + 20, hard))
    try:
        with pytest.raises(storage_errors()) as error:
            study.ask(DISTRIBUTION)
        assert in_words(error.value) == "File too large"
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert journal.read_bytes() == before
    with journal.open("ab") as file:
        file.write(b'{"op_code"')  # by a run that was killed
    study.tell(study.ask(DISTRIBUTION), 0.5)
    assert num_trials(journal.parent) == 3


def replace_by_a_folder(journal: Path) -> None:
    journal.unlink()
    journal.mkdir()


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda journal: journal.write_bytes(b""), "{} was emptied or cut while it was used"),
        (lambda journal: journal.write_bytes(journal.read_bytes() + b"\xff\n{}\n"), "{} is damaged"),
        (Path.unlink, "No such file or directory"),
        (replace_by_a_folder, "Is a directory"),
    ],
)
def test_a_journal_that_is_spoilt_while_it_is_used_fails_as_a_database_does(
    journal: Path, spoil: Callable[[Path], object], words: str
):
    study = optuna.load_study(study_name="s", storage=Storage(None, journal.parent).open())
    study.tell(study.ask(DISTRIBUTION), 0.5)
    spoil(journal)
    for _ in range(2):
        with pytest.raises(storage_errors()) as error:
            study.ask(DISTRIBUTION)
        assert in_words(error.value) == words.format(journal)


def test_a_whole_journal_is_left_as_it_is(journal: Path, capsys: pytest.CaptureFixture[str]):
    whole = journal.read_bytes()
    repair(journal)
    assert (journal.read_bytes(), capsys.readouterr().err) == (whole, "")
    assert {path.name for path in journal.parent.iterdir()} == {"study.journal"}


def test_a_journal_that_is_damaged_elsewhere_is_named_with_its_line(journal: Path):
    lines = journal.read_bytes().splitlines(keepends=True)
    lines[1] = b'{"op_code": 2, "wor{"op_code": 4}\n'
    content = b"".join(lines) + b"\xff, torn"
    journal.write_bytes(content)
    with pytest.raises(UserError, match=r"study\.journal is damaged in line 2; restore a copy, cut the file before"):
        Storage(None, journal.parent).open()
    assert journal.read_bytes() == content


@pytest.mark.parametrize("content", [b"3\n", b"{}\n", b'{"op_code": 99}\n', b'"a"\n'])
def test_a_journal_that_is_none_is_named(tmp_path: Path, content: bytes):
    (tmp_path / "study.journal").write_bytes(content)
    with pytest.raises(UserError, match=r"study\.journal cannot be read .*; restore a copy, or choose another"):
        Storage(None, tmp_path).open()


@pytest.mark.parametrize(
    "put", [os.mkfifo, os.mkdir, lambda path: path.symlink_to(path.name), lambda path: path.symlink_to("elsewhere")]
)
def test_something_else_in_its_place_is_named(tmp_path: Path, put: Callable[[Path], None]):
    put(tmp_path / "study.journal")
    with pytest.raises(UserError, match=r"study\.journal is not a file; remove it"):
        Storage(None, tmp_path).open()


def test_the_lock_of_a_killed_search_whose_folder_was_moved_is_not_waited_for(journal: Path):
    journal.with_name("study.journal.lock").symlink_to("/nowhere/study.journal")
    assert num_trials(journal.parent) == 2


def test_runs_that_the_study_does_not_know_are_kept_apart(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    for name in ("0000,lr=0.1", "0001,lr=0.2", "10000,lr=0.3", "logs", "experiment"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "result.json").write_text(name)
    (tmp_path / "0002,lr=0.4").touch()
    os.mkfifo(tmp_path / "0003,lr=0.4")
    set_aside(tmp_path, 1)
    assert {path.name for path in tmp_path.iterdir()} == {"0000,lr=0.1", "logs", "experiment", "earlier-1"}
    assert (tmp_path / "earlier-1" / "0001,lr=0.2" / "result.json").read_text() == "0001,lr=0.2"
    assert "the study has 1 trials; 4 runs here are of others, and were moved to" in capsys.readouterr().out
    set_aside(tmp_path, 1)
    assert capsys.readouterr().out == ""
    set_aside(tmp_path, 0)
    assert (tmp_path / "earlier-2" / "0000,lr=0.1").is_dir()


def test_a_run_that_is_running_is_not_moved(tmp_path: Path):
    (tmp_path / "0000,lr=0.1").mkdir()
    with FileLock(tmp_path / "0000,lr=0.1" / ".lock"), pytest.raises(UserError, match="another process is using"):
        set_aside(tmp_path, 0)
    assert (tmp_path / "0000,lr=0.1").is_dir()

"""A study's journal and database that a full disk, a kill or somebody else has damaged."""

import importlib.util
import os
import re
import resource
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

import optuna
import pytest
from filelock import FileLock
from sqlalchemy import create_engine

from cnnlab.errors import UserError
from cnnlab.sweep.engines.node import SEARCH_VARIABLE
from cnnlab.sweep.search import study as study_module
from cnnlab.sweep.search.journal import repair, set_aside
from cnnlab.sweep.search.study import Storage, in_words, open_storage, storage_errors
from cnnlab.sweep.search.study_info import StudyInfo

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


@pytest.mark.parametrize("content", [b"", b"\xff", b"x" * 99])
def test_a_damaged_owner_is_replaced(tmp_path: Path, content: bytes):
    storage = Storage(None, tmp_path)
    (tmp_path / "study.id").write_bytes(content)
    assert len(storage.owner()) == 32
    assert storage.owner() == storage.owner()


@pytest.mark.parametrize("put", [os.mkfifo, os.mkdir])
def test_something_else_in_the_owners_place_is_named(tmp_path: Path, put: Callable[[Path], None]):
    put(tmp_path / "study.id")
    with pytest.raises(UserError, match=r"study\.id cannot be used .*; remove it"):
        Storage(None, tmp_path).owner()


@pytest.fixture
def locked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A database that somebody holds."""
    monkeypatch.setattr(study_module, "DATABASE_WAIT_S", 0.1)
    monkeypatch.setattr(study_module, "TABLE_CREATION_S", 0.1)
    url = f"sqlite:///{tmp_path}/study.db"
    optuna.create_study(storage=open_storage(url), study_name="s")
    connection = sqlite3.connect(tmp_path / "study.db", isolation_level=None)
    connection.execute("BEGIN EXCLUSIVE")
    yield url
    connection.close()


def test_a_locked_database_is_waited_for_and_then_named(locked: str):
    with pytest.raises(UserError, match=r"sqlite cannot be opened .*database is locked") as error:
        open_storage(locked)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///", "sqlite:///:memory:", "sqlite+pysqlite://"])
def test_a_database_in_memory_is_rejected_since_jobs_and_the_next_start_would_not_see_it(url: str):
    with pytest.raises(UserError, match=f"hydra.sweeper.storage={re.escape(url)} is a database in memory, .*name a fi"):
        open_storage(url)


def test_a_database_that_cannot_be_opened_is_named_in_the_drivers_words(tmp_path: Path):
    (tmp_path / "text.db").write_text("rubbish")
    for name, words in {"text.db": "file is not a database", "missing/x.db": "unable to open database file"}.items():
        with pytest.raises(UserError, match=rf"sqlite cannot be opened \(\w+: {words}\); correct the URL, or use null"):
            open_storage(f"sqlite:///{tmp_path / name}")


@pytest.mark.parametrize(
    ("scheme", "driver"),
    [("postgresql+psycopg2", "psycopg2"), ("mysql+pymysql", "pymysql"), ("postgresql+psycopg", "psycopg")],
)
def test_a_missing_driver_is_named_and_the_password_is_not(
    tmp_path: Path, scheme: str, driver: str, capsys: pytest.CaptureFixture[str]
):
    if importlib.util.find_spec(driver) is not None:
        pytest.skip(f"{driver} is installed")
    with pytest.raises(UserError, match=f"cannot be opened .*No module named '{driver}'") as error:
        Storage(f"{scheme}://me:secret@db.example/x", tmp_path).open()
    assert "\n" not in str(error.value)
    assert "secret" not in str(error.value)
    assert capsys.readouterr().err == ""


def test_a_database_elsewhere_is_named_before_it_is_waited_for(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    def refuse(url: str, engine_kwargs: dict[str, object]) -> None:
        assert engine_kwargs == {"connect_args": {"connect_timeout": 30}}
        raise ConnectionError("no route")

    monkeypatch.setattr("sqlalchemy.create_engine", lambda url: create_engine("sqlite://"))
    monkeypatch.setattr(study_module, "RDBStorage", refuse)
    with pytest.raises(UserError, match=r"postgresql.psycopg2 cannot be opened \(ConnectionError: no route\)"):
        open_storage("postgresql+psycopg2://me:secret@db.example/x")
    assert capsys.readouterr().err == "opening the study's database at db.example\n"


@pytest.mark.parametrize("text", ["", "3", "[]", "{}", '{"storage": "a"}', '{"password": "secret"}'])
def test_a_variable_that_is_not_a_searchs_is_named_without_its_content(monkeypatch: pytest.MonkeyPatch, text: str):
    monkeypatch.setenv(SEARCH_VARIABLE, text)
    with pytest.raises(UserError, match=f"{SEARCH_VARIABLE} is not a search's; unset it") as error:
        StudyInfo.read()
    assert "secret" not in str(error.value)

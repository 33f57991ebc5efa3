"""Where a study is: who owns it, and databases that are locked, elsewhere or no database."""

import importlib.util
import os
import re
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

import optuna
import pytest
from sqlalchemy import create_engine

from cnnlab.errors import UserError
from cnnlab.sweep.engines.node import SEARCH_VARIABLE
from cnnlab.sweep.search import storage as storage_module
from cnnlab.sweep.search.storage import Storage, open_storage
from cnnlab.sweep.search.study_info import StudyInfo


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
    monkeypatch.setattr(storage_module, "DATABASE_WAIT_S", 0.1)
    monkeypatch.setattr(storage_module, "TABLE_CREATION_S", 0.1)
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
    monkeypatch.setattr(storage_module, "RDBStorage", refuse)
    with pytest.raises(UserError, match=r"postgresql.psycopg2 cannot be opened \(ConnectionError: no route\)"):
        open_storage("postgresql+psycopg2://me:secret@db.example/x")
    assert capsys.readouterr().err == "opening the study's database at db.example\n"


@pytest.mark.parametrize("text", ["", "3", "[]", "{}", '{"storage": "a"}', '{"password": "secret"}'])
def test_a_variable_that_is_not_a_searchs_is_named_without_its_content(monkeypatch: pytest.MonkeyPatch, text: str):
    monkeypatch.setenv(SEARCH_VARIABLE, text)
    with pytest.raises(UserError, match=f"{SEARCH_VARIABLE} is not a search's; unset it") as error:
        StudyInfo.read()
    assert "secret" not in str(error.value)

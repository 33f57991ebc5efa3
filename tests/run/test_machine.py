import subprocess
from pathlib import Path

import pytest

from cnnlab.run import machine
from tests.conftest import REPOSITORY


@pytest.fixture(autouse=True)
def _fresh():
    machine.commit.cache_clear()
    yield
    machine.commit.cache_clear()


def git(folder: Path, *arguments: str) -> str:
    identity = ("-c", "user.name=x", "-c", "user.email=x@example.org")
    return subprocess.run(
        ["git", "-C", str(folder), *identity, *arguments], check=True, capture_output=True, text=True
    ).stdout


def test_the_commit_is_gits_and_says_if_files_have_changed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(machine, "ROOT", tmp_path)
    assert machine.commit() is None
    git(tmp_path, "init", "-q")
    (tmp_path / "file").write_text("1")
    git(tmp_path, "add", "file")
    git(tmp_path, "commit", "-q", "-m", "first")
    git(tmp_path, "tag", "v1")
    machine.commit.cache_clear()
    commit = git(tmp_path, "rev-parse", "HEAD").strip()[:12]
    assert machine.commit() == commit
    (tmp_path / "file").write_text("2")
    assert machine.commit() == commit, "asked once a process"
    machine.commit.cache_clear()
    assert machine.commit() == f"{commit}-dirty"


def test_without_git_there_is_no_commit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(machine, "ROOT", REPOSITORY)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert machine.commit() is None


def test_the_processor_has_a_name():
    assert machine.processor().strip()

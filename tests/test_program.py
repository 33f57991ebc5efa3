from pathlib import Path

import pytest

from cnnlab.program import program, repository_script
from tests.conftest import REPOSITORY


@pytest.mark.parametrize(
    ("started", "typed"),
    [
        ("train.py", "python train.py"),
        ("/my code/train.py", "python '/my code/train.py'"),
        ("/usr/bin/cnnlab", "cnnlab"),
        ("/lib/ipykernel_launcher.py", "cnnlab"),
    ],
)
def test_a_hint_names_the_program_that_was_started(monkeypatch: pytest.MonkeyPatch, started: str, typed: str):
    monkeypatch.setattr("sys.argv", [started, "seed=1"])
    assert program() == program(started) == typed


def test_a_script_is_named_as_it_is_typed_here_and_only_where_it_exists(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(REPOSITORY)
    assert repository_script("scripts/table.py") == ("python scripts/table.py",)
    monkeypatch.chdir(tmp_path)
    assert repository_script("scripts/table.py") == (f"python {REPOSITORY / 'scripts' / 'table.py'}",)
    assert repository_script("scripts/absent.py") == ()  # as in a wheel

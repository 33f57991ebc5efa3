"""The runs of the page's networks: which commands are run, and what a failure says."""

import json
from pathlib import Path

import pytest

from cnnlab.errors import UserError
from cnnlab.lecture.network_runs import NETWORK_RUNS, run_networks


def test_every_network_is_a_run_with_snapshots_in_its_own_folder(tmp_path: Path):
    program = tmp_path / "train.py"
    program.write_text("import sys; open('typed', 'a').write(' '.join(sys.argv[1:]) + '\\n')")
    shown: list[str] = []
    folders = run_networks(program, tmp_path / "network", shown.append, ("data=mnist_5k",))
    typed = (tmp_path / "typed").read_text().splitlines()
    assert list(folders) == [run.name for run in NETWORK_RUNS]
    assert len(shown) == len(typed) == len(NETWORK_RUNS)
    for run, line in zip(NETWORK_RUNS, typed, strict=True):
        assert {"callbacks=snapshots", "data=mnist_5k", *run.overrides} <= set(line.split())
        assert line.endswith(f"hydra.run.dir={tmp_path / 'network' / run.name}")


def test_a_run_that_fails_ends_the_command(tmp_path: Path):
    program = tmp_path / "train.py"
    program.write_text("import sys; sys.exit(2)")
    with pytest.raises(UserError, match="exit code 2"):
        run_networks(program, tmp_path / "network", lambda line: None)


@pytest.mark.parametrize(
    ("status", "typed"), [("completed", []), ("interrupted", ["resume="]), ("failed", None), ("diverged", None)]
)
def test_a_run_that_is_there_is_kept_resumed_or_in_the_way(tmp_path: Path, status: str, typed: list[str] | None):
    first = tmp_path / "network" / NETWORK_RUNS[0].name
    (first / ".hydra").mkdir(parents=True)
    (first / ".hydra" / "overrides.yaml").write_text("[]")
    (first / "result.json").write_text(json.dumps({"status": status}))
    program = tmp_path / "train.py"
    program.write_text("import sys; open('typed', 'a').write(' '.join(sys.argv[1:]) + '\\n')")
    if typed is None:
        with pytest.raises(UserError, match=rf"{first} holds a run that has {status}; remove it, and run make lecture"):
            run_networks(program, tmp_path / "network", lambda line: None)
        return
    run_networks(program, tmp_path / "network", lambda line: None)
    lines = (tmp_path / "typed").read_text().splitlines()
    assert [line.partition("/")[0] for line in lines if line.endswith(str(first))] == typed

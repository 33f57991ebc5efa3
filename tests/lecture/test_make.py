import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace

import pytest

from cnnlab.errors import UserError
from cnnlab.lecture import make, store
from cnnlab.lecture.claims import Claim, Expected
from cnnlab.lecture.make import measure, run_sweep
from cnnlab.lecture.study import BUDGETS, Measured, Shown, Study

PROGRAM = """
import json, pathlib, sys
pathlib.Path(__file__).with_name("typed.json").write_text(json.dumps(sys.argv[1:]))
sys.exit({exit_code})
"""
SLOW_PROGRAM = """
import pathlib, signal, sys, time
signals = []
def end(*_):
    signals.append(1)
    time.sleep(0.5)  # writes its checkpoints
    pathlib.Path(__file__).with_name("ended").write_text(str(sum(signals)))
    sys.exit(128 + SIGNUM)
signal.signal(SIGNUM, end)
pathlib.Path(__file__).with_name("started").touch()
time.sleep(60)
"""


@pytest.fixture
def program(tmp_path):
    path = tmp_path / "train.py"
    path.write_text(PROGRAM.format(exit_code=0))
    return path


@pytest.fixture
def lines():
    return []


def typed(program):
    return json.loads(program.with_name("typed.json").read_text())


def test_a_sweep_is_run_as_a_user_types_it(program, lines):
    sweeps = program.parent / "outputs" / "sweeps"
    run_sweep("lecture_init", BUDGETS["default"], program, sweeps, lines.append)
    assert typed(program) == ["sweep=lecture_init"]
    assert lines == ["$ python train.py sweep=lecture_init"]
    run_sweep("lecture_init", BUDGETS["long"], program, sweeps, lines.append)
    assert typed(program) == ["sweep=lecture_init", "seed=range(30,40)"]


def test_another_folder_of_sweeps_is_said(program, lines, tmp_path):
    run_sweep("lecture_init", BUDGETS["default"], program, tmp_path / "a b", lines.append)
    assert typed(program) == ["sweep=lecture_init", f"hydra.sweep.dir={tmp_path / 'a b' / 'lecture_init'}"]


def test_a_failed_sweep_is_one_line(program, lines):
    program.write_text(PROGRAM.format(exit_code=1))
    with pytest.raises(UserError, match="sweep=lecture_init ended with exit code 1; mend"):
        run_sweep("lecture_init", BUDGETS["default"], program, program.parent, lines.append)


@pytest.mark.slow
@pytest.mark.parametrize(("signum", "is_for_all"), [(signal.SIGINT, True), (signal.SIGTERM, False)])
def test_an_interrupted_sweep_ends_in_order(program, signum, is_for_all):
    """A Ctrl-C, which is for all processes of a terminal, and a kill of this one: the sweep has the signal once."""
    program.write_text(SLOW_PROGRAM.replace("SIGNUM", str(int(signum))))
    code = (
        "import sys; from pathlib import Path; from cnnlab.lecture.make import run_sweep\n"
        "from cnnlab.lecture.study import BUDGETS\n"
        "path = Path(sys.argv[1])\n"
        "run_sweep('lecture_init', BUDGETS['default'], path, path.parent, print)\n"
    )
    with subprocess.Popen([sys.executable, "-c", code, str(program)], start_new_session=True) as process:
        deadline = time.monotonic() + 60
        while not program.with_name("started").exists():
            assert time.monotonic() < deadline
            time.sleep(0.05)
        (os.killpg if is_for_all else os.kill)(process.pid, signum)
    assert process.returncode == 128 + signum
    assert program.with_name("ended").read_text() == "1"


@pytest.mark.slow
def test_runs_side_by_side_get_a_signal_once_each(program):
    program.write_text(SLOW_PROGRAM.replace("SIGNUM", "2").replace('with_name("', 'with_name(sys.argv[1] + "'))
    code = (
        "import sys; from pathlib import Path; from cnnlab.lecture import make\n"
        "make.cpu_count = lambda: 2\n"
        "make.train_all(Path(sys.argv[1]), [('a.',), ('b.',), ('c.',)], print)\n"
    )
    with subprocess.Popen([sys.executable, "-c", code, str(program)], start_new_session=True) as process:
        deadline = time.monotonic() + 60
        while not all(program.with_name(f"{name}.started").exists() for name in "ab"):
            assert time.monotonic() < deadline
            time.sleep(0.05)
        os.killpg(process.pid, signal.SIGINT)
    assert process.returncode == 130
    assert [program.with_name(f"{name}.ended").read_text() for name in "ab"] == ["1", "1"]
    assert not program.with_name("c.started").exists()


def test_a_study_is_measured_once(program, lines, tmp_path, monkeypatch):
    (tmp_path / "package" / "lecture" / "studies").mkdir(parents=True)
    (tmp_path / "package" / "lecture" / "studies" / "planted.py").write_text("ONE = 1\n")
    monkeypatch.setattr(store, "PACKAGE", tmp_path / "package")
    calls = []

    def count(workspace):
        calls.append(workspace.budget.name)
        return Measured({}, {})

    study = Study("planted", (), count, lambda _data, _words: Shown())

    def run(budget="default", study=study):
        measure([study], BUDGETS[budget], program, tmp_path, tmp_path / "lecture", lines.append)

    run()
    run()
    assert calls == ["default"]
    assert "nothing to do" in lines[-1]
    run("long")
    assert calls == ["default", "long"]
    (tmp_path / "package" / "lecture" / "studies" / "planted.py").write_text("ONE = 2\n")
    run("long")
    assert calls == ["default", "long", "long"]
    run("default")
    assert calls == ["default", "long", "long"]  # ten seeds are not thrown away for five
    assert "(budget long), nothing to do" in lines[-1]
    (tmp_path / "package" / "lecture" / "studies" / "planted.py").write_text("ONE = 3\n")
    with pytest.raises(RuntimeError, match="no luck"):
        run(study=replace(study, measure=fail))
    assert store.load(tmp_path / "lecture", study)["budget"] == "long"  # what was there stays


RECORD = {
    **{"schema": 1, "method": "lr", "objective": "val/acc", "seeds": [1000]},
    "candidates": [
        {
            **{"overrides": ["init=he_normal"], "fingerprint": "0" * 16, "space": {"optimizer.lr": "choice(0.1)"}},
            "trials": [
                {"values": {"optimizer.lr": "0.1"}, "scores": [0.9], "statuses": ["completed"], "fit_s": 1.0},
            ],
            **{"chosen": 0, "at_edge": []},
        }
    ],
}
TUNING_PROGRAM = f"""
import json, pathlib, sys
here = pathlib.Path(__file__).parent
pathlib.Path(here, "typed.json").write_text(json.dumps(sys.argv[1:]))
records = [text.partition("=")[2] for text in sys.argv if text.startswith("tuning.record=")]
content = pathlib.Path(here, records[0]).read_text() if records else json.dumps({RECORD | {"seeds": [1001]}})
folder = here / "outputs" / "sweeps" / "lecture_init"
folder.mkdir(parents=True, exist_ok=True)
(folder / "tuning.json").write_text(content)
"""


@pytest.fixture
def full_run(program, lines):
    """Measures a tuned study, of which docs/lecture has a full run; its numbers tell what it was given of that."""
    program.write_text(TUNING_PROGRAM)
    full = program.parent / "docs" / "lecture"
    study = Study(
        "init",
        (),
        lambda workspace: Measured({}, {"before": workspace.chosen_before and dict(workspace.chosen_before)}),
        lambda _data, _words: Shown(),
        sweeps=("lecture_init",),
    )
    full.parent.mkdir()
    (program.parent / "outputs").mkdir()
    store.save(full, study, BUDGETS["long"], Measured({}, {"rate": 0.1}), 1.0)
    store.save_tuning(full, "lecture_init", RECORD)

    def run(budget="default"):
        folder = program.parent / "outputs"
        measure([study], BUDGETS[budget], program, folder / "sweeps", folder / "lecture", lines.append, full)
        return store.load(folder / "lecture", study)

    return run, full, store.load(full, study)["created"]


def test_what_a_full_run_of_the_same_code_chose_is_not_chosen_again(full_run, program):
    run, full, created = full_run
    stored = run()
    assert typed(program) == ["sweep=lecture_init", "tuning.record=docs/lecture/tuning/lecture_init.json"]
    assert (stored["tuned"], stored["data"]["before"]) == (created, {"rate": 0.1})
    copied = store.tuning_path(program.parent / "outputs" / "lecture", "lecture_init")
    assert copied.read_text() == store.tuning_path(full, "lecture_init").read_text()


def without_record(full, program):
    store.tuning_path(full, "lecture_init").unlink()


def of_other_code(full, program):
    content = json.loads((full / "init.json").read_text())
    (full / "init.json").write_text(json.dumps(content | {"sources": "of other code"}))


def with_trials_here(full, program):
    (program.parent / "outputs" / "sweeps" / "lecture_init" / "tuning").mkdir(parents=True)


@pytest.mark.parametrize("change", [without_record, of_other_code, with_trials_here])
def test_else_the_sweep_chooses(full_run, program, change):
    run, full, _ = full_run
    change(full, program)
    stored = run()
    assert typed(program) == ["sweep=lecture_init"]
    assert (stored["tuned"], stored["data"]["before"]) == (None, None)


def test_a_long_budget_chooses_again(full_run, program):
    run, _, _ = full_run
    assert run("long")["tuned"] is None
    assert typed(program) == ["sweep=lecture_init", "seed=range(30,40)"]


def test_what_the_sweep_chose_otherwise_was_chosen_here(full_run, program):
    run, _, _ = full_run
    program.write_text(TUNING_PROGRAM.replace("if records else", "if False else"))
    assert run()["tuned"] is None
    assert "tuning.record=docs/lecture/tuning/lecture_init.json" in typed(program)


@pytest.mark.parametrize("values", [[1.0, float("nan")], [1.0], []])
def test_effects_that_no_page_could_judge_are_not_stored(program, lines, tmp_path, values):
    study = Study(
        "init",
        (Claim("vanishes", Expected.LESS, 0.1, "decades", ("deep",)),),
        lambda _workspace: Measured({"vanishes": {"deep": values}}, {}),
        lambda _data, _words: Shown(),
    )
    with pytest.raises(UserError, match="init cannot be judged: vanishes, deep: "):
        measure([study], BUDGETS["default"], program, tmp_path, tmp_path / "lecture", lines.append)
    assert store.load(tmp_path / "lecture", study) is None


def test_runs_that_diverged_are_told_and_stored(program, lines, tmp_path):
    def measured(workspace):
        workspace.diverged.add("lecture_init/init=he_normal,seed=3")
        return Measured({}, {})

    study = Study("init", (), measured, lambda _data, _words: Shown())
    measure([study], BUDGETS["default"], program, tmp_path, tmp_path / "lecture", lines.append)
    assert "init: without the seed of lecture_init/init=he_normal,seed=3, which diverged" in lines
    assert store.load(tmp_path / "lecture", study)["diverged"] == ["lecture_init/init=he_normal,seed=3"]


def test_a_larger_budget_adds_its_time_to_that_of_the_smaller_one_whose_runs_it_uses(program, tmp_path, monkeypatch):
    study = Study("init", (), lambda _workspace: Measured({}, {}), lambda _data, _words: Shown())
    store.save(tmp_path / "lecture", study, BUDGETS["default"], Measured({}, {}), 1000.0)
    measure([study], BUDGETS["long"], program, tmp_path, tmp_path / "lecture", lambda line: None)
    assert 1000 <= store.load(tmp_path / "lecture", study)["seconds"] < 1100
    store.save(tmp_path / "lecture", study, BUDGETS["default"], Measured({}, {}), 1000.0)
    monkeypatch.setattr(make, "sources_digest", lambda study: "of other code")
    measure([study], BUDGETS["long"], program, tmp_path, tmp_path / "lecture", lambda line: None)
    assert store.load(tmp_path / "lecture", study)["seconds"] < 1000


def fail(_workspace):
    raise RuntimeError("no luck")

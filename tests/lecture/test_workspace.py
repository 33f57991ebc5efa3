"""Which runs of a sweep a study gets."""

import pytest

from cnnlab.errors import UserError
from cnnlab.lecture import study
from cnnlab.lecture.study import BUDGETS, Workspace
from cnnlab.report.runs import Run


def planted(name, seed, status="completed"):
    def make(folder):
        return Run(folder / f"{name},seed={seed}", {"status": status, "params": {"seed": seed}})

    return make


@pytest.fixture
def workspace(tmp_path, monkeypatch):
    """A workspace whose sweeps all have the given runs."""

    def with_runs(*runs):
        monkeypatch.setattr(study, "read_runs", lambda folder: ([make(folder) for make in runs], []))
        return Workspace(BUDGETS["default"], tmp_path)

    return with_runs


def test_a_run_that_diverged_takes_its_seed_from_all_configurations_and_is_told(workspace):
    one = workspace(
        planted("a", 0), planted("a", 1), planted("a", 2), planted("b", 0), planted("b", 1, "diverged"), planted("b", 2)
    )
    assert [run.path.name for run in one.runs("s")] == ["a,seed=0", "a,seed=2", "b,seed=0", "b,seed=2"]
    assert one.diverged == {"s/b,seed=1"}


def test_other_seeds_and_interrupted_runs_take_nothing(workspace):
    one = workspace(planted("a", 0), planted("b", 0, "interrupted"), planted("a", 7), planted("b", 7, "diverged"))
    assert [run.path.name for run in one.runs("s")] == ["a,seed=0"]
    assert one.diverged == set()


def test_without_a_seed_that_is_left_the_message_says_why(workspace):
    with pytest.raises(UserError, match="s has no completed runs of a seed without a diverged one; run python"):
        workspace(planted("a", 0), planted("b", 0, "diverged")).runs("s")
    with pytest.raises(UserError, match=r"s has no completed runs; run python train\.py sweep=s"):
        workspace(planted("a", 7)).runs("s")

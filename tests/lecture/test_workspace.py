"""Which runs of a sweep a study gets."""

import pytest

from cnnlab.errors import UserError
from cnnlab.lecture import study
from cnnlab.lecture.studies import STUDIES, loss
from cnnlab.lecture.study import BUDGETS, Budget, Study, Workspace
from cnnlab.report.runs import Run
from cnnlab.sweep.tuning.record import Candidate, Trial, write_record
from cnnlab.sweep.tuning.space import Space


def planted(name, seed, status="completed"):
    def make(folder):
        return Run(folder / f"{name},seed={seed}", {"status": status, "params": {"seed": seed}})

    return make


@pytest.fixture
def workspace(tmp_path, monkeypatch):
    """A workspace whose sweeps all have the given runs."""

    def with_runs(*runs):
        monkeypatch.setattr(study, "read_runs", lambda folder: ([make(folder) for make in runs], []))
        return Workspace(Budget("planted", (0, 1, 2)), tmp_path)

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


def test_trials_are_in_the_sweep_s_own_folder_of_tuning(tmp_path, monkeypatch):
    monkeypatch.setattr(study, "read_runs", lambda folder: ([folder], []))
    assert Workspace(Budget("planted", (0,)), tmp_path).trials("s") == [tmp_path / "s" / "tuning"]


def test_what_a_sweep_has_tried_is_in_its_record(tmp_path):
    workspace = Workspace(Budget("planted", (0,)), tmp_path)
    with pytest.raises(UserError, match=r"s has no tuning\.json; run python train\.py sweep=s"):
        workspace.tuning("s")
    trial = Trial({"optimizer.lr": "0.1"}, (0.9, None), ("completed", "diverged"), 1.0)
    space = Space.of({"optimizer.lr": "choice(0.1)"})
    (tmp_path / "s").mkdir()
    write_record(tmp_path / "s", "lr", "val/acc", [1000, 1001], [Candidate(("optimizer=sgd",), space, (trial,), "")])
    (found,) = workspace.tuning("s")
    assert (found["overrides"], found["trials"][0]["scores"]) == (["optimizer=sgd"], [0.9, None])


def test_the_loss_is_learned_again_at_the_rates_that_a_full_run_chose(tmp_path):
    rates = {"cross_entropy": 0.03, "mse": 0.3}
    workspace = Workspace(Budget("planted", (0,)), tmp_path, chosen_before={"relearning": {"rates": rates}})
    assert loss._relearning_rates(workspace, trained_at=0.1) == rates


def test_the_default_seeds_are_those_of_the_study_s_sweeps_and_no_tuning_seeds():
    studies = [each for each in STUDIES if each.sweeps]
    for each in studies:
        budget = each.budget(BUDGETS["default"])
        assert 4 <= len(budget.seeds) <= max(budget.seeds) + 1 < 1000
        assert each.budget(BUDGETS["long"]) is BUDGETS["long"]
    by_name = {each.name: each.budget(BUDGETS["default"]).seeds for each in studies}
    of_four = {by_name.pop(name) for name in ("classical", "activation", "fully_connected", "result")}
    assert of_four == {tuple(range(30, 34))}
    assert set(by_name.values()) == {tuple(range(30, 35))}
    without = Study("planted", (), measure=pytest.fail, show=pytest.fail)
    assert without.budget(BUDGETS["default"]) == BUDGETS["default"]

"""The number of seeds: planned by a first stage, or added after a look."""

import json
from pathlib import Path

import numpy as np
import pytest

from cnnlab.report.content import Settings
from cnnlab.report.write import write_report
from tests.report.results import result, write

MARGIN = 0.002


def add(sweep: Path, seeds: range) -> None:
    """Runs of two optimisers that differ by 0.001 and vary by 0.002."""
    for optimizer, mean in (("adam", 0.98), ("sgd", 0.979)):
        for seed in seeds:
            noise = np.random.default_rng([seed, len(optimizer)]).normal(0, 0.002)
            write(sweep / f"{optimizer},{seed}", result(optimizer, seed, mean + noise))


@pytest.fixture
def sweep(tmp_path: Path) -> Path:
    add(tmp_path / "sweep", range(5))
    return tmp_path / "sweep"


def test_a_first_stage_plans_the_second_with_the_command_that_runs_it(sweep: Path):
    record = {"hydra": {"overrides": {"task": ["optimizer=adam,sgd", "seed=range(0,5)"]}, "runtime": {"choices": {}}}}
    (sweep / "multirun.yaml").write_text(json.dumps(record))
    content = write_report(sweep, Settings(margin=MARGIN))
    planned = content["plan"]
    assert planned["first_seeds"] == [0, 1, 2, 3, 4]
    assert planned["total"] > 5
    note = content["notes"][0]
    assert f"a second stage with {planned['total']} seeds each would show 0.20 points" in note
    command = f"python train.py -m optimizer=adam,sgd 'seed=range(0,{planned['total']})' report.margin=0.2"
    assert note.endswith(command)
    record["hydra"]["runtime"]["choices"]["sweep"] = "optimizers"
    (sweep / "multirun.yaml").write_text(json.dumps(record))
    assert "python train.py optimizer=adam,sgd" in write_report(sweep, Settings(margin=MARGIN))["notes"][0]


def test_the_second_stage_has_the_first_ones_variance_and_all_seeds_mean(sweep: Path):
    first = write_report(sweep, Settings(margin=MARGIN))
    total = first["plan"]["total"]
    add(sweep, range(5, total))
    for _ in range(2):  # looking again changes nothing
        content = write_report(sweep, Settings(margin=MARGIN))
        assert content["settings"]["stage"] == 2
        assert content["notes"][0].startswith(f"second stage: 5 seeds decided that there would be {total}")
        (before,), (after,) = first["comparisons"], content["comparisons"]
        assert after["n"] == total
        assert after["df"] == before["df"]
        assert after["error"] == pytest.approx(before["error"] * (5 / total) ** 0.5)
        accuracies = [content["configurations"][index]["test"]["mean"] for index in (after["first"], after["second"])]
        assert after["difference"] == pytest.approx(accuracies[0] - accuracies[1])


def test_while_the_second_stage_is_at_work_its_seeds_are_not_looked_at(sweep: Path):
    first = write_report(sweep, Settings(margin=MARGIN))
    add(sweep, range(5, 7))
    content = write_report(sweep, Settings(margin=MARGIN))
    assert content["settings"]["stage"] == 1
    assert content["comparisons"][0]["seeds"] == [0, 1, 2, 3, 4]
    assert content["plan"] == first["plan"]
    assert content["notes"][0].startswith("4 runs of further seeds are not looked at")
    assert [each["n"] for each in content["configurations"]] == [5, 5]
    assert content["headline"] == first["headline"]


def test_a_plan_stands_whatever_margin_is_asked_for_later(sweep: Path):
    planned = write_report(sweep, Settings(margin=MARGIN))["plan"]
    for margin in (None, 2 * MARGIN, MARGIN / 2):
        assert write_report(sweep, Settings(margin=margin))["plan"] == planned


def test_there_is_no_third_stage(sweep: Path):
    total = write_report(sweep, Settings(margin=MARGIN))["plan"]["total"]
    add(sweep, range(5, total))
    write_report(sweep, Settings(margin=MARGIN))
    add(sweep, range(total, total + 2))
    for margin in (MARGIN, MARGIN / 2):
        content = write_report(sweep, Settings(margin=margin))
        assert f"seeds were added after a look at {total}" in content["notes"][0]
        assert content["plan"] is None


def test_seeds_that_were_added_after_a_look_are_never_planned_again(sweep: Path):
    write_report(sweep, Settings())
    add(sweep, range(5, 6))
    write_report(sweep, Settings())
    assert write_report(sweep, Settings(margin=MARGIN))["plan"] is None


def test_a_sweep_whose_comparisons_are_all_decided_needs_no_second_stage(tmp_path: Path):
    for optimizer, mean in (("adam", 0.98), ("sgd", 0.9)):
        for seed in range(3):
            noise = 0.002 * seed * (optimizer == "sgd")
            write(tmp_path / f"{optimizer},{seed}", result(optimizer, seed, mean + noise))
    content = write_report(tmp_path, Settings(margin=0.0001))
    assert content["comparisons"][0]["verdict"] == "better"
    assert content["plan"] is None


@pytest.mark.parametrize(
    ("params", "task"),
    [({"seed": "range(0,8)"}, []), ({}, ["seed=range(0,8)"]), ({"seed": "0,1"}, ["seed=0,1,2,3,4,5,6,7"])],
)
def test_a_look_at_a_sweep_at_work_is_no_look_too_many(sweep: Path, params: dict[str, str], task: list[str]):
    """The command asked for eight seeds before anybody looked at five."""
    hydra = {"overrides": {"task": task}, "runtime": {"choices": {}}, "sweeper": {"params": params}}
    (sweep / "multirun.yaml").write_text(json.dumps({"hydra": hydra}))
    assert write_report(sweep, Settings())["planned_seeds"] == list(range(8))
    add(sweep, range(5, 8))
    hydra["overrides"]["task"] = ["seed=range(0,20)"]  # a later command plans nothing for an earlier look
    (sweep / "multirun.yaml").write_text(json.dumps({"hydra": hydra}))
    assert not any("after a look" in note for note in write_report(sweep, Settings())["notes"])
    add(sweep, range(8, 9))
    assert "seeds were added after a look at 8" in write_report(sweep, Settings())["notes"][0]


def test_seeds_that_nobody_planned_are_flagged(sweep: Path):
    write_report(sweep, Settings())
    add(sweep, range(5, 8))
    for _ in range(2):  # the next report does not forget it
        content = write_report(sweep, Settings())
        assert "seeds were added after a look at 5" in content["notes"][0]
    assert content["settings"]["stage"] == 1
    assert content["comparisons"][0]["n"] == 8


def test_enough_seeds_need_no_plan(sweep: Path):
    assert write_report(sweep, Settings(margin=0.05))["plan"] is None


@pytest.mark.parametrize(
    "content", ["", "[]", '{"plan": 1, "budget": []}', '{"plan": {"first_seeds": ["a"], "total": 9}}']
)
def test_a_damaged_earlier_report_is_none(sweep: Path, content: str):
    (sweep / "report").mkdir()
    (sweep / "report" / "report.json").write_text(content)
    assert write_report(sweep, Settings())["settings"]["stage"] == 1


def test_the_report_names_the_command_that_ran_the_sweep(sweep: Path):
    assert write_report(sweep, Settings())["provenance"]["commands"] == []
    record = {"hydra": {"overrides": {"task": ["sweep=optimizers"]}, "runtime": {"choices": {"sweep": "optimizers"}}}}
    (sweep / "multirun.yaml").write_text(json.dumps(record))
    assert write_report(sweep, Settings())["provenance"]["commands"] == ["python train.py sweep=optimizers"]

"""A sweep's tuning in its report."""

import json
from pathlib import Path
from typing import Any

import pytest

from cnnlab.report.content import Settings, build
from cnnlab.report.runs import read_runs
from cnnlab.report.sweep_curves import draw_curves
from cnnlab.report.tables import tuning_csv
from cnnlab.report.write import write_report
from tests.report.results import result, write

RATES = {"adam": ["0.001", "0.003", "0.01"], "sgd": ["0.01", "0.1", "1"]}
SCORES = {"adam": [0.96, 0.97, 0.955], "sgd": [0.9, 0.95, None]}
CHOSEN = {"adam": 1, "sgd": 1}


def record(method: str = "lr", **changes: Any) -> dict[str, Any]:
    candidates = [
        {
            "overrides": [f"optimizer={name}"],
            "space": {"optimizer.lr": "tag(log,interval(0.001,0.01))"},
            "trials": [
                {
                    "values": {"optimizer.lr": rate},
                    "scores": [score],
                    "statuses": ["diverged" if score is None else "completed"],
                    "fit_s": 30.0,
                }
                for rate, score in zip(RATES[name], SCORES[name], strict=True)
            ],
            "chosen": CHOSEN[name],
            "at_edge": ["optimizer.lr"] if name == "sgd" else [],
        }
        for name in RATES
    ]
    return {
        "schema": 1,
        "method": method,
        "objective": "val/acc",
        "seeds": [1000],
        "candidates": candidates,
        **changes,
    }


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, rates in RATES.items():
        for seed in range(3):
            accuracy = 0.98 + 0.001 * seed + 0.0005 * (name == "sgd") * seed
            content = result(name, seed, accuracy, lr=float(rates[CHOSEN[name]]))
            content["overrides"].append(f"optimizer.lr={rates[CHOSEN[name]]}")
            write(tmp_path / f"optimizer={name},seed={seed}", content)
    (tmp_path / "tuning.json").write_text(json.dumps(record()))
    return tmp_path


def content_of(folder: Path) -> dict[str, Any]:
    return build(folder, *read_runs(folder), Settings())


def test_the_configurations_are_named_without_the_chosen_values(folder: Path):
    content = content_of(folder)
    assert content["varied"] == ["optimizer"]
    assert {each["name"] for each in content["configurations"]} == {"adam", "sgd"}


def test_the_report_has_budget_space_chosen_values_and_edges(folder: Path):
    content = content_of(folder)
    tuning = content["tuning"]
    assert (tuning["method"], tuning["num_trials"], tuning["num_runs"], tuning["fit_s"]) == ("lr", 3, 6, 180.0)
    names = {each["id"]: each["name"] for each in content["configurations"]}
    tuned = {names[each["configuration"]]: each for each in tuning["configurations"]}
    assert tuned["adam"]["chosen"] == {"optimizer.lr": "0.003"}
    assert tuned["adam"]["score"] == 0.97
    assert tuned["adam"]["space"] == {"optimizer.lr": "0.001 to 0.01, logarithmic"}
    assert (tuned["adam"]["num_near"], tuned["sgd"]["num_near"]) == (2, 1)  # 0.96 is a point below 0.97, 0.955 is not
    assert (tuned["adam"]["num_diverged"], tuned["sgd"]["num_diverged"]) == (0, 1)
    assert tuned["sgd"]["at_edge"] == ["optimizer.lr"]


def test_trials_at_chance_are_counted_apart_from_what_diverged(folder: Path, monkeypatch: pytest.MonkeyPatch):
    assert content_of(folder)["tuning"]["chance"] is None  # the runs' record does not tell the classes
    monkeypatch.setattr("cnnlab.report.tuning.class_names", lambda run: [str(number) for number in range(10)])
    changed = record()
    changed["candidates"][1]["trials"][0]["scores"] = [0.2]
    (folder / "tuning.json").write_text(json.dumps(changed))
    content = content_of(folder)
    names = {each["id"]: each["name"] for each in content["configurations"]}
    tuned = {names[each["configuration"]]: each for each in content["tuning"]["configurations"]}
    assert content["tuning"]["chance"] == 0.2
    assert [(each["num_diverged"], each["num_at_chance"]) for each in (tuned["adam"], tuned["sgd"])] == [(0, 0), (1, 1)]
    assert tuned["sgd"]["parameters"] == {"optimizer.lr": {"low": 0.001, "high": 0.01, "is_log": True}}


def test_the_notes_say_how_it_was_tuned_and_not_that_defaults_are_compared(folder: Path):
    notes = " | ".join(content_of(folder)["notes"])
    assert "each configuration has the best of 3 learning rates, by val/acc on 1 seed that is not reported" in notes
    assert "(6 runs for tuning, 3 min of training)" in notes
    assert "sgd: the chosen optimizer.lr is at the edge of its range" in notes
    assert "compares defaults" not in notes


def test_without_a_record_defaults_are_compared(folder: Path):
    (folder / "tuning.json").unlink()
    content = content_of(folder)
    assert content["tuning"] is None


def test_runs_with_other_values_than_the_chosen_ones_are_not_called_tuned(folder: Path):
    changed = record()
    changed["candidates"][0]["chosen"] = 0  # tuned again since, and not run yet
    (folder / "tuning.json").write_text(json.dumps(changed))
    content = content_of(folder)
    assert content["tuning"] is None
    assert content["varied"] == ["optimizer", "optimizer.lr"]


def test_a_configuration_whose_trials_all_diverged_has_its_defaults(folder: Path):
    changed = record()
    changed["candidates"][1] |= {"chosen": None, "at_edge": []}
    (folder / "tuning.json").write_text(json.dumps(changed))
    assert content_of(folder)["tuning"] is None  # its runs have values
    for path in folder.glob("optimizer=sgd*/result.json"):
        content = json.loads(path.read_text())
        path.write_text(json.dumps({**content, "overrides": content["overrides"][:2]}))
    assert "sgd: no trial of the tuning has a result; the defaults are used" in content_of(folder)["notes"]


def test_a_sweep_of_which_no_trial_has_a_result_compares_defaults(folder: Path):
    changed = record()
    for candidate in changed["candidates"]:
        candidate |= {"chosen": None, "at_edge": []}
    (folder / "tuning.json").write_text(json.dumps(changed))
    for path in folder.glob("*/result.json"):
        content = json.loads(path.read_text())
        path.write_text(json.dumps({**content, "overrides": content["overrides"][:2]}))
    assert content_of(folder)["tuning"] is None


def test_what_another_command_tuned_is_no_part_of_the_budget(folder: Path):
    changed = record()
    other = {**changed["candidates"][0], "overrides": ["optimizer=lion"]}
    (folder / "tuning.json").write_text(json.dumps({**changed, "candidates": [*changed["candidates"], other]}))
    tuning = content_of(folder)["tuning"]
    assert (tuning["num_runs"], len(tuning["configurations"])) == (6, 2)


def test_what_a_later_command_adds_without_changing_a_number_hides_nothing(folder: Path):
    changed = record()
    for each in changed["candidates"]:
        each["overrides"] += ["console=lines", "logger=none", "data.root=elsewhere"]
    (folder / "tuning.json").write_text(json.dumps(changed))
    assert content_of(folder)["tuning"] is not None


def test_the_csv_has_a_row_a_trial(folder: Path):
    text = tuning_csv(content_of(folder))
    assert text is not None
    head, *rows = text.splitlines()
    assert head == "optimizer,trial,optimizer.lr,val/acc,is_chosen"
    assert "adam,2,0.003,0.97,True" in rows
    assert "sgd,3,1,,False" in rows
    assert len(rows) == 6


def test_an_earlier_reports_csv_goes_with_the_tuning(folder: Path):
    write_report(folder, Settings())
    assert (folder / "report" / "tuning.csv").exists()
    (folder / "tuning.json").unlink()
    write_report(folder, Settings())
    assert not (folder / "report" / "tuning.csv").exists()


def test_a_grid_has_no_tuning_curve_and_random_trials_have(folder: Path):
    assert all(each["curve"] is None for each in content_of(folder)["tuning"]["configurations"])
    (folder / "tuning.json").write_text(json.dumps(record("random")))
    assert all(each["curve"]["trials"] == [1, 2, 3] for each in content_of(folder)["tuning"]["configurations"])


def test_curves_are_named_without_the_chosen_values_too(folder: Path):
    for path in folder.glob("optimizer=*"):
        (path / "metrics.csv").write_text("epoch,step,val/acc,seconds\n1,10,0.9,1\n2,20,0.95,1\n")
    legend = draw_curves(folder).legends[0]
    assert [text.get_text() for text in legend.texts] == ["adam", "sgd"]

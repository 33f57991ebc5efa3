"""tuning.json, and which trial is the best."""

import json
import math
from dataclasses import replace
from pathlib import Path

import pytest

from cnnlab.sweep.tuning.record import (
    RECORD,
    Candidate,
    Trial,
    from_other_sweep,
    read_record,
    with_recorded_results,
    write_record,
)
from cnnlab.sweep.tuning.space import Space

SPACE = Space.of({"optimizer.lr": "tag(log,interval(1e-4,1e-1))"})


def trial(rate: str, *scores: float | None) -> Trial:
    statuses = tuple("diverged" if score is None else "completed" for score in scores)
    return Trial({"optimizer.lr": rate}, scores, statuses, 1.5)


def candidate(*trials: Trial) -> Candidate:
    return Candidate(("optimizer=adam",), SPACE, trials, "fingerprint of adam")


def test_the_best_has_the_highest_mean_over_the_tuning_seeds():
    best = trial("0.003", 0.97, 0.95)
    assert candidate(trial("0.001", 0.98, 0.93), best).best("val/acc") is best


def test_of_a_loss_the_lowest_is_best():
    best = trial("0.003", 0.1)
    assert candidate(trial("0.001", 0.2), best).best("val/loss") is best


def test_a_trial_of_which_a_run_diverged_is_below_every_number():
    best = trial("0.003", 0.1, 0.1)
    assert candidate(trial("0.01", 0.99, None), best).best("val/acc") is best
    assert trial("0.01", 0.99, None).score("val/acc") == -math.inf


def test_if_all_diverged_there_is_no_best():
    assert candidate(trial("0.01", None), trial("0.1", None)).best("val/acc") is None


def test_of_equal_trials_the_one_nearest_to_the_middle_of_the_space_is_best():
    middle = trial("0.00316", 0.1135)
    assert candidate(trial("0.0001", 0.1135), middle, trial("0.1", 0.1135)).best("val/acc") is middle


def test_the_record_holds_every_trial_and_says_which_was_chosen_and_whether_it_is_at_an_edge(tmp_path: Path):
    tuned = candidate(trial("0.001", 0.9), trial("0.0999", 0.95))
    write_record(tmp_path, "random", "val/acc", [1000], [tuned])
    record = read_record(tmp_path)
    assert record is not None
    assert (record["method"], record["objective"], record["seeds"]) == ("random", "val/acc", [1000])
    (found,) = record["candidates"]
    assert found["trials"][found["chosen"]]["values"] == {"optimizer.lr": "0.0999"}
    assert found["at_edge"] == ["optimizer.lr"]
    assert found["space"] == {"optimizer.lr": "tag(log,interval(1e-4,1e-1))"}


def test_the_recorded_results_are_those_of_the_same_trials_only(tmp_path: Path):
    tuned = candidate(trial("0.001", 0.9, None), trial("0.01", 0.95, 0.94))
    write_record(tmp_path, "random", "val/acc", [1000, 1001], [tuned])
    planned = [candidate(Trial({"optimizer.lr": "0.001"}), Trial({"optimizer.lr": "0.01"}))]
    others = [candidate(Trial({"optimizer.lr": "0.002"}))]
    record, seeds = read_record(tmp_path), [1000, 1001]
    assert with_recorded_results(planned, record, "val/acc", seeds) == [tuned]
    assert with_recorded_results(others, record, "val/acc", seeds) is None
    assert with_recorded_results(planned, record, "val/loss", seeds) is None
    assert with_recorded_results(planned, record, "val/acc", [1000]) is None
    assert with_recorded_results(planned, None, "val/acc", seeds) is None


def test_configurations_of_an_earlier_command_stay_if_they_were_tuned_in_the_same_way(tmp_path: Path):
    other = Candidate(("optimizer=sgd",), SPACE, (trial("0.01", 0.8),), "fingerprint of sgd")
    write_record(tmp_path, "random", "val/acc", [1000], [other])
    write_record(tmp_path, "random", "val/acc", [1000], [candidate(trial("0.001", 0.9))])
    record = read_record(tmp_path)
    assert record is not None
    assert [each["overrides"] for each in record["candidates"]] == [["optimizer=adam"], ["optimizer=sgd"]]
    planned = [candidate(Trial({"optimizer.lr": "0.001"}))]
    assert with_recorded_results(planned, record, "val/acc", [1000]) == [candidate(trial("0.001", 0.9))]
    write_record(tmp_path, "random", "val/loss", [1000], [candidate(trial("0.001", 0.9))])
    record = read_record(tmp_path)
    assert record is not None
    assert len(record["candidates"]) == 1


def test_another_sweeps_results_are_taken_if_the_experiment_and_its_trials_are_the_same(tmp_path: Path):
    other = Candidate(("optimizer=sgd",), SPACE, (trial("0.01", 0.8),), "fingerprint of sgd")
    tuned = candidate(trial("0.001", 0.9), trial("0.01", 0.95))
    write_record(tmp_path, "lr", "val/acc", [1000], [other, tuned])
    found = read_record(tmp_path)
    assert found is not None
    planned = replace(
        candidate(Trial({"optimizer.lr": "0.001"}), Trial({"optimizer.lr": "0.01"})), overrides=("typed",)
    )
    assert from_other_sweep(planned, found, "val/acc", [1000]) == replace(tuned, overrides=("typed",))
    assert from_other_sweep(planned, found, "val/loss", [1000]) is None
    assert from_other_sweep(planned, found, "val/acc", [1000, 1001]) is None
    assert from_other_sweep(replace(planned, fingerprint="another"), found, "val/acc", [1000]) is None
    assert from_other_sweep(replace(planned, trials=planned.trials[:1]), found, "val/acc", [1000]) is None
    wider = Space.of({"optimizer.lr": "tag(log,interval(1e-4,1.0))"})
    assert from_other_sweep(replace(planned, space=wider), found, "val/acc", [1000]) is None
    for each in found["candidates"]:
        del each["fingerprint"]  # of an older version
    assert from_other_sweep(planned, found, "val/acc", [1000]) is None


DAMAGES = {
    "not JSON": lambda record: "{",
    "a list": lambda record: "[]",
    "without candidates": lambda record: json.dumps({**record, "candidates": []}),
    "of another schema": lambda record: json.dumps({**record, "schema": 2}),
    "another objective": lambda record: json.dumps({**record, "objective": "test/acc"}),
    "chosen beyond the trials": lambda record: _changed(record, chosen=7),
    "without trials": lambda record: _changed(record, trials=[], chosen=None),
    "a text as a score": lambda record: _changed(
        record, trials=[{"values": {}, "scores": ["0.9"], "statuses": ["completed"], "fit_s": 1.0}]
    ),
    "a list as a space": lambda record: _changed(record, space=["lr"]),
    "NaN": lambda record: json.dumps(record).replace("0.9", "NaN"),
}


def _changed(record: dict, **changes: object) -> str:
    return json.dumps({**record, "candidates": [{**record["candidates"][0], **changes}]})


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_record_is_none(tmp_path: Path, damage: str):
    write_record(tmp_path, "random", "val/acc", [1000], [candidate(trial("0.001", 0.9))])
    record = read_record(tmp_path)
    assert record is not None
    (tmp_path / RECORD).write_text(DAMAGES[damage](record))
    assert read_record(tmp_path) is None


def test_no_record_is_none(tmp_path: Path):
    assert read_record(tmp_path) is None

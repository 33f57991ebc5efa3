"""Means, correlations and times of a configuration's runs."""

from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from cnnlab.report.configurations import group
from cnnlab.report.runs import Run
from cnnlab.report.summaries import correlation, curve, summarise, times_to
from tests.report.results import result, write


def test_a_summary_has_the_t_interval_of_its_values():
    values = [0.97, 0.98, 0.975, 0.99]
    found = summarise(dict(enumerate(values)))
    assert found is not None
    expected = stats.ttest_1samp(values, 0).confidence_interval(0.95)
    assert (found["low"], found["high"]) == pytest.approx((expected.low, expected.high))
    assert found["deviation"] == pytest.approx(np.std(values, ddof=1))
    assert found["values"] == values


def test_one_value_has_no_interval_and_none_no_summary():
    assert summarise({3: 0.9}) == {"mean": 0.9, "low": None, "high": None, "deviation": None, "values": [0.9]}
    assert summarise({}) is None


def test_the_correlation_over_seeds_is_that_of_the_columns():
    random = np.random.default_rng(0)
    shared = random.standard_normal(2000)
    rows = [dict(enumerate(shared + random.standard_normal(2000))) for _ in range(3)]
    assert correlation(rows) == pytest.approx(0.5, abs=0.05)
    assert correlation([dict(enumerate(random.standard_normal(2000))) for _ in range(3)]) == pytest.approx(0, abs=0.05)
    two = rows[:2]
    assert correlation(two) == pytest.approx(np.corrcoef([[*row.values()] for row in two])[0, 1])


@pytest.mark.parametrize(
    "rows", [[], [{0: 1.0, 1: 2.0, 2: 3.0}], [{0: 1.0, 1: 2.0}] * 2, [{0: 1.0, 1: 1.0, 2: 1.0}] * 2]
)
def test_too_little_has_no_correlation(rows: list[dict[int, float]]):
    assert correlation(rows) is None


def test_only_completed_runs_are_in_a_curve_and_a_target_that_was_missed_is_none(tmp_path: Path):
    for seed, (status, rows) in enumerate((("completed", "1,0.5,1\n2,0.9,2\n3,0.95,3"), ("diverged", "1,0.1,1"),
                                           ("completed", "1,0.6,1\n2,0.8,1"))):  # fmt: skip
        folder = write(tmp_path / f"seed={seed}", result("adam", seed, 0.9, status))
        (folder / "metrics.csv").write_text(f"epoch,val/acc,seconds\n{rows}\n")
    runs = [Run(tmp_path / f"seed={seed}", result("adam", seed, 0.9, status))
            for seed, status in enumerate(("completed", "diverged", "completed"))]  # fmt: skip
    (configuration,) = group(runs)[1]
    found = curve(configuration, 4, "val")
    assert found == {
        "configuration": 4,
        "split": "val",
        "epochs": [1, 2],
        "seconds": [1.0, 2.5],
        "median": [pytest.approx(0.55), pytest.approx(0.85)],
        "low": [0.5, 0.8],
        "high": [0.6, 0.9],
    }
    assert curve(configuration, 0, "test") is None
    target = times_to(configuration.runs, 0.9)
    assert target == {"accuracy": 0.9, "epochs": [2, None, None], "seconds": [3.0, None, None]}

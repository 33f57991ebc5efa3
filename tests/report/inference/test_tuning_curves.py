"""Tuning curves, against hand-computed means and opda's own bands."""

import numpy as np
import pytest
from opda.nonparametric import EmpiricalDistribution

from cnnlab.report.inference.tuning_curves import tuning_curve


def test_the_expected_best_of_two_is_the_mean_of_all_pairs():
    scores = [0.5, 0.8, 0.9]
    curve = tuning_curve(scores)
    pairs = [max(first, second) for first in scores for second in scores]
    assert curve["trials"] == [1, 2, 3]
    assert curve["mean"][:2] == pytest.approx([np.mean(scores), np.mean(pairs)], abs=1e-6)


def test_the_band_is_opdas_own_for_the_scores_themselves():
    scores = np.random.default_rng(0).beta(8, 2, 12)
    lower, _, upper = EmpiricalDistribution.confidence_bands(
        scores, 0.95, a=0.0, b=1.0, method="ld_equal_tailed", n_jobs=1, generator=np.random.default_rng(0)
    )
    trials = np.arange(1, 13)
    curve = tuning_curve(scores.tolist())
    assert curve["low"] == pytest.approx(upper.average_tuning_curve(trials), abs=1e-5)
    assert curve["high"] == pytest.approx(lower.average_tuning_curve(trials), abs=1e-5)


def test_a_trial_that_diverged_counts_as_zero():
    assert tuning_curve([0.9, None])["mean"][0] == pytest.approx(0.45)

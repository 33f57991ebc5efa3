"""The rule on planted numbers."""

import math

import pytest
import scipy.stats

from cnnlab.bench.contenders import Epoch
from cnnlab.bench.measure import Measurement, Setting
from cnnlab.bench.present import NAMES
from cnnlab.bench.verdict import T_975, Comparison, compare, conclude, format_costs, lightning_costs

SETTING = Setting(64, 1)


def planted(**seconds: list[float]) -> list[Measurement]:
    """Epochs of these seconds, of which a quarter is evaluation."""
    return [
        Measurement(name, SETTING, Epoch(0.75 * each, 0.25 * each, 10))
        for name, epochs in seconds.items()
        for each in epochs
    ]


def only(comparisons: list[Comparison]) -> Comparison:
    (comparison,) = comparisons
    return comparison


OURS = [2.0, 2.4, 2.1, 2.2, 2.0]


@pytest.mark.parametrize(
    ("ratios", "is_faster"),
    [
        ([0.93, 0.95, 0.94, 0.96, 0.94], True),
        ([0.90, 1.06, 0.95, 1.02, 0.93], False),  # within the noise
        ([0.985, 0.984, 0.986, 0.985, 0.985], False),  # certain, but too small to matter
        ([0.60, 0.97, 0.975, 1.30, 0.97], False),
        ([1.5, 1.4, 1.6, 1.5, 1.5], False),
        ([0.5], False),  # one repetition tells no noise
        ([0.90, 0.91], True),
        ([0.80, 0.97], False),
    ],
)
def test_a_rival_is_faster_only_beyond_the_noise(ratios: list[float], is_faster: bool):
    ours = OURS[: len(ratios)]
    theirs = [our * ratio for our, ratio in zip(ours, ratios, strict=True)]
    comparisons = compare(planted(nchw=theirs, bare=[0.1] * len(ratios), lightning=ours, floor=[0.1] * len(ratios)))
    assert only(comparisons).is_faster is is_faster
    assert conclude(comparisons, NAMES)[0] == int(is_faster)


def test_the_interval_is_students():
    ratios = [1.5, 1.4, 1.6, 1.55, 1.52]
    comparison = only(compare(planted(plain=[our * r for our, r in zip(OURS, ratios, strict=True)], lightning=OURS)))
    logs = [math.log(ratio) for ratio in ratios]
    interval = scipy.stats.t.interval(0.95, 4, sum(logs) / 5, scipy.stats.sem(logs))
    assert comparison.ratio == pytest.approx(1.52)
    assert [comparison.lower, comparison.upper] == pytest.approx([math.exp(end) for end in interval], rel=1e-3)


def test_the_quantiles_are_students():
    assert [scipy.stats.t.ppf(0.975, degrees) for degrees in range(1, 11)] == pytest.approx(T_975, abs=5e-4)


def test_the_line_names_the_rivals_that_are_faster_and_where():
    measurements = planted(plain=[9.0] * 5, compiled_nchw=[1.9, 2.2, 2.0, 2.0, 1.9], lightning=OURS)
    code, line = conclude(compare(measurements), NAMES)
    assert code == 1
    assert line.startswith(
        "faster than cnnlab: torch.compile, NCHW at batch 64, 1 thread (0.95 times our epoch, 95 % interval 0."
    )
    assert "DataLoader" not in line


def test_the_line_names_the_closest_if_none_is():
    code, line = conclude(compare(planted(plain=[9.0] * 5, nchw=[4.0] * 5, lightning=OURS)), NAMES)
    assert code == 0
    assert line.startswith("no rival is faster than cnnlab; the closest is torch, NCHW, data resident at batch 64, ")


def test_without_a_second_repetition_there_is_no_verdict():
    code, line = conclude(compare(planted(plain=[9.0], lightning=[2.0])), NAMES)
    assert code == 0
    assert "no verdict" in line


@pytest.mark.parametrize(("ours", "text"), [([1.03, 2.08], "+3.5 %"), ([1.07, 2.12], "+6.5 %")])
def test_lightnings_cost_is_that_of_a_step(ours: list[float], text: str):
    costs = lightning_costs(planted(bare=[1.0, 2.0], lightning=ours))
    line = format_costs(costs)
    assert text in line
    assert ("not under 5 %" in line) is (text == "+6.5 %")

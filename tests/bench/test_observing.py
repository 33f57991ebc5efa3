"""What callbacks=full adds to an epoch."""

import threading

import pytest
import torch

from cnnlab.bench.measure import Setting
from cnnlab.bench.observing import Pair, format_observing, measure_observing, summarise_observing

SETTING = Setting(64, 1)


@pytest.mark.parametrize(("with_s", "text"), [(2.05, "+2.5 % at batch 64, 1 thread"), (2.2, "+10.0 % at batch 64")])
def test_the_cost_is_the_median_of_paired_ratios(with_s: float, text: str):
    pairs = [Pair(2.0, with_s), Pair(1.0, 1.5), Pair(4.0, 3.0), Pair(8.0, 4 * with_s), Pair(1.0, with_s / 2)]
    line = format_observing(summarise_observing(pairs), SETTING)
    assert text in line
    assert line.endswith("; under 5 %" if with_s < 2.1 else "; not under 5 %")


def test_one_pair_has_no_spread():
    summary = summarise_observing([Pair(2.0, 2.02)])
    assert summary["lower_quartile"] == summary["upper_quartile"] == summary["ratio"] == pytest.approx(1.01)


@pytest.mark.slow
def test_epochs_are_measured_in_turns(compose_run):
    config = compose_run("experiment=lecture", "data=mnist_5k", "console=none", "trainer=cpu", "callbacks=full")
    messages: list[str] = []
    threads, writers = torch.get_num_threads(), threading.active_count()
    pairs = measure_observing(config, Setting(2000, 1), 1, messages.append)
    assert len(pairs) == 1
    assert all(pair.with_s > 0 and pair.without_s > 0 for pair in pairs)
    assert len(messages) == 2
    assert torch.get_num_threads() == threads
    assert threading.active_count() == writers, "TensorBoard's thread writes into a folder that is gone"

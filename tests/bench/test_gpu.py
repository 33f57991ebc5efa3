"""The parts of the GPU's benchmark that run anywhere."""

import math

import pytest
import torch

from cnnlab.bench import gpu
from cnnlab.bench.contenders import Epoch
from cnnlab.bench.gpu import measure, resident_loop

CPU = torch.device("cpu")


def test_the_resident_loop_takes_every_image(compose_run):
    config = compose_run("experiment=lecture", "data.batch_size=4")
    batch = torch.randn(10, 1, 28, 28), torch.arange(10)
    epoch = resident_loop(config, batch, batch, as_graph=False)
    assert epoch.num_steps == 3
    assert epoch.train_s > 0
    assert epoch.eval_s > 0


def config_of(compose_run):
    small = ("data=mnist_5k", "trainer=cpu", "console=none", "trainer.limit_train_batches=2")
    return compose_run("experiment=lecture", *small)


@pytest.mark.slow
def test_every_contender_is_measured_at_every_batch_size(compose_run):
    said: list[str] = []
    rows = measure(config_of(compose_run), [500, 1000], 1, said.append, device=CPU)
    assert [(row["batch_size"], row["contender"]) for row in rows] == [
        (size, gpu.NAMES[name]) for size in (500, 1000) for name in ("plain", "resident", "ours")
    ]
    assert all(float(row[key]) > 0 for row in rows for key in ("step_ms", "epoch_s", "speedup"))
    assert [row["speedup"] for row in rows if row["contender"] == gpu.NAMES["plain"]] == [1, 1]
    assert said == ["0 of 1: batch 500", "0 of 1: batch 1000", "1 of 1: batch 500", "1 of 1: batch 1000"]


def test_a_contender_that_fails_costs_no_other_its_row(compose_run, monkeypatch: pytest.MonkeyPatch):
    def fails(config: object) -> Epoch:
        raise RuntimeError("CUDA error: operation not permitted\nwhen stream is capturing")

    loops = {"plain": lambda config: Epoch(2.0, 1.0, 10), "graph": fails, "ours": lambda config: Epoch(0.5, 0.5, 10)}
    monkeypatch.setattr(gpu, "_contenders", lambda config, device: loops)
    plain, graph, ours = measure(config_of(compose_run), [64], 2, lambda text: None)
    assert (plain["step_ms"], plain["epoch_s"], ours["speedup"], ours["repetitions"]) == (200.0, 3.0, 3.0, 2)
    assert graph["error"] == "CUDA error: operation not permitted when stream is capturing"
    loops["plain"] = fails
    plain, _, ours = measure(config_of(compose_run), [64], 2, lambda text: None)
    assert "error" in plain
    assert math.isnan(float(ours["speedup"]))


def test_the_repetitions_end_at_the_limit(compose_run, monkeypatch: pytest.MonkeyPatch):
    loops = {"plain": lambda config: Epoch(2.0, 1.0, 10)}
    monkeypatch.setattr(gpu, "_contenders", lambda config, device: loops)
    said: list[str] = []
    (row,) = measure(config_of(compose_run), [64], 5, said.append, limit_s=0)
    assert row["repetitions"] == 1
    assert said[-1] == "stopped after 1 of 5 repetitions"

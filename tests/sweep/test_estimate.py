"""How long a sweep will take."""

import json
from pathlib import Path
from typing import Any

import pytest
from omegaconf import DictConfig, OmegaConf

from cnnlab.sweep.estimate import NOMINAL_STEP_S, START_S, Estimate


def config(**trainer: Any) -> DictConfig:
    return OmegaConf.create(
        {
            "model": {"_target_": "a.Network"},
            "data": {"num_train": 1100, "num_val": 100, "batch_size": 64},
            "trainer": {"max_epochs": 5, "limit_train_batches": None, **trainer},
        }
    )


def record(folder: Path, seconds: float, steps: int, network: str = "a.Network", status: str = "completed") -> None:
    folder.mkdir(parents=True)
    params = {"model._target_": network, "data.batch_size": 64}
    result = {"status": status, "seconds": {"fit": seconds}, "steps": steps, "params": params}
    (folder / "result.json").write_text(json.dumps(result))


def test_without_earlier_runs_it_is_the_nominal_speed_of_all_steps(tmp_path: Path):
    steps = 5 * 16  # 1000 images are 15 batches of 64 and one of 40
    assert Estimate.of(config(), tmp_path) == Estimate(START_S + steps * NOMINAL_STEP_S, 0)
    assert Estimate.of(config(limit_train_batches=3), tmp_path).job_s == START_S + 5 * 3 * NOMINAL_STEP_S
    assert Estimate.of(config(limit_train_batches=0.5), tmp_path).job_s == START_S + 5 * 8 * NOMINAL_STEP_S


def test_earlier_runs_of_the_same_network_tell(tmp_path: Path):
    record(tmp_path / "runs" / "1", 10.0, 100)
    record(tmp_path / "runs" / "2", 30.0, 100)
    record(tmp_path / "sweeps" / "s" / "tuning" / "seed=1000", 40.0, 100)
    record(tmp_path / "runs" / "other", 900.0, 100, network="another.Network")
    record(tmp_path / "runs" / "failed", 900.0, 100, status="failed")
    record(tmp_path / "runs" / "short", 900.0, 2)
    start = b'{"status": "completed", "params": {"model._target_": "a.Network", "data.batch_size": 64}, '
    damaged = (
        *(b"{", b"\xff", b'{"status": "completed"}', start + b'"steps": 1' + b"0" * 400 + b', "seconds": {"fit": 1}}'),
        *(start + b'"steps": 100, "seconds": {"fit": ' + fit + b"}}" for fit in (b"NaN", b"Infinity", b"-1", b'"1"')),
    )
    for number, content in enumerate(damaged):
        (tmp_path / "runs" / f"damaged-{number}").mkdir()
        (tmp_path / "runs" / f"damaged-{number}" / "result.json").write_bytes(content)
    estimate = Estimate.of(config(), tmp_path)
    assert estimate == Estimate(START_S + 80 * 0.3, 3)
    assert estimate.text(4, at_a_time=2) == "about 0:00:50 (earlier runs: 3)"
    assert estimate.text(4, at_a_time=None) == "about 0:01:40 (earlier runs: 3)"


@pytest.mark.parametrize(
    ("stages", "at_a_time", "seconds"),
    [((4,), 2, 20), ((5,), 2, 30), ((1,), 2, 10), ((6,), 256, 10), ((6, 6), 256, 20), ((0,), 2, 0)],
)
def test_no_sweep_is_shorter_than_its_rounds(stages: tuple[int, ...], at_a_time: int, seconds: int):
    assert Estimate(10.0, 0).text(*stages, at_a_time=at_a_time).startswith(f"about 0:00:{seconds:02} (")

"""Values that a resolver computes, in a sweep and from a run's record."""

from pathlib import Path

import pytest
from hydra.core.hydra_config import HydraConfig
from omegaconf import OmegaConf

from cnnlab.experiment.composed import job_like, refers_to_hydra, texts, with_recorded_hydra, without_hydra
from cnnlab.experiment.identity import difference, flat
from tests.experiment.configs import composed, hydra_loader

VALUES = {
    "data.root": ("${hydra:runtime.cwd}/x", f"{Path.cwd()}/x"),
    "seed": ("${hydra:job.num}", 4),
    "+optimizer.choice": ("${hydra:runtime.choices.optimizer}", "momentum"),
    "+optimizer.rate": ("${optimizer.lr}", 0.01),
    "+optimizer.list": ("[1,'${hydra:job.num}','${seed}']", [1, 4, 4]),
}


def test_hydras_values_are_those_of_the_jobs_own_config():
    HydraConfig.instance().cfg = None
    with hydra_loader():
        config = job_like(composed(*(f"{key}={text}" for key, (text, _) in VALUES.items())), number=4)
    values = flat(config)
    assert {key: values[key.lstrip("+")] for key in VALUES} == {key: value for key, (_, value) in VALUES.items()}
    assert HydraConfig.instance().cfg is None
    run = without_hydra(config)
    assert "hydra" not in run
    assert OmegaConf.to_container(run, resolve=False)["model"]["activation"] == "${activation}"  # an axis is looked for


def test_a_record_keeps_the_values_of_its_run():
    with hydra_loader():
        config = job_like(composed(*(f"{key}={text}" for key, (text, _) in VALUES.items())), number=4)
    hydra = OmegaConf.create(OmegaConf.to_yaml(config.hydra))
    hydra.runtime.cwd = "/elsewhere"
    recorded = OmegaConf.create({key: value for key, value in OmegaConf.to_container(config).items() if key != "hydra"})
    assert refers_to_hydra(recorded)
    run = with_recorded_hydra(recorded, hydra)
    assert (run.data.root, run.seed, run.optimizer.rate) == ("/elsewhere/x", 4, 0.01)
    assert not refers_to_hydra(run)


def test_the_time_makes_no_other_experiment():
    with hydra_loader():
        first, second = (composed("+optimizer.time=at ${now:%f}") for _ in range(2))
        assert flat(first)["optimizer.time"] != flat(second)["optimizer.time"]
        assert difference(first, second) is None


def test_typed_overrides_are_not_resolved():
    assert texts(OmegaConf.create(["seed=${nothing}", 3])) == ["seed=${nothing}", "3"]
    assert texts(("seed=1",)) == ["seed=1"]


@pytest.mark.parametrize(("number", "same"), [("1", False), ("5", False), ("1.0", True)])
def test_one_batch_is_not_all_of_them(number: str, same: bool):
    with hydra_loader():
        change = difference(composed(), composed(f"trainer.limit_train_batches={number}"))
    assert (change is None) is same

"""How a sweep's folders are named."""

from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from cnnlab.sweep.names import EXCLUDED, job_name, name_sweep
from tests.conftest import REPOSITORY


def test_a_folder_is_called_by_what_is_swept():
    overrides = ["seed=3", "optimizer=adam", "trainer.max_epochs=2", "+callbacks.x=1"]
    assert job_name(overrides, ["trainer.max_epochs"]) == "+callbacks.x=1,optimizer=adam,seed=3"
    assert job_name(["data.root=/a/b"], []) == "data.root=_a_b"
    assert job_name([], []) == "job"
    assert len(job_name(["x=" + "y" * 999], []).encode()) == 200
    assert job_name(["x=" + "y" * 999], []) != job_name(["x=" + "y" * 998], [])


def named(*overrides: str) -> tuple[str, list[str]]:
    """A sweep's name, and the keys that are no part of its jobs' names."""
    with initialize_config_dir(str(REPOSITORY / "conf"), version_base="1.3"):
        config = compose("train", [], return_hydra_config=True)
    config.hydra.overrides.task = list(overrides)
    name_sweep(config)
    excluded = list(OmegaConf.select(config, EXCLUDED))
    names = ",".join(f'"{name}"' for name in excluded)
    assert config.hydra.overrides.hydra[-1] == f"{EXCLUDED}=[{names}]"
    assert config.hydra.overrides.hydra[-2] == f"hydra.sweep.dir=outputs/sweeps/{config.sweep.name}"  # for each job
    return config.sweep.name, excluded


def test_a_sweep_is_called_by_the_keys_that_are_swept():
    assert named("optimizer=sgd,adam", "seed=range(0,3)", "trainer.max_epochs=2") == (
        "optimizer+seed",
        ["trainer.max_epochs"],
    )
    assert named("seed=1", "sweep.dry_run=true")[0] == named("seed=1")[0] == "seed"
    assert named() == ("one", [])

"""How a sweep's folders are named."""

from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir
from hydra.core.hydra_config import HydraConfig
from hypothesis import given
from hypothesis.strategies import text
from omegaconf import OmegaConf

from cnnlab.errors import UserError
from cnnlab.sweep.names import (
    EXCLUDED,
    folder_name,
    job_name,
    name_sweep,
    older_names,
    with_number,
    without_number,
)
from tests.conftest import REPOSITORY


def test_a_folder_is_called_by_what_is_swept():
    overrides = ["seed=3", "optimizer=adam", "trainer.max_epochs=2", "+callbacks.x=1"]
    assert job_name(overrides, ["trainer.max_epochs"]) == "+callbacks.x=1,optimizer=adam,seed=3"
    assert job_name(overrides, []) == "+callbacks.x=1,optimizer=adam,trainer.max_epochs=2,seed=3"  # the seed last
    assert job_name(["data.root=/a/b"], []).startswith("data.root=_a_b-")
    assert job_name([], []) == "job"
    assert len(job_name(["x=" + "y" * 999], []).encode()) == 200
    assert job_name(["x=" + "y" * 999], []) != job_name(["x=" + "y" * 998], [])


@pytest.mark.parametrize(
    ("overrides", "older"),
    [
        (["seed=3", "trainer.max_epochs=2"], "seed=3,trainer.max_epochs=2"),
        (["optimizer=adam", "seed=3", "trainer.max_epochs=2", "watch=val"], None),
        (["data.x=[1,2]", "seed=3", "trainer.y=[3,4]"], None),
        (["optimizer=adam", "seed=3"], None),
        (["seed=3"], None),
        (["seed=3", "trainer.x=a/b"], None),  # has a hash, and the name that it had
        (["seed=3", "trainer.x=" + "y" * 300], None),
    ],
)
def test_the_name_that_an_older_version_gave_a_job_is_found(overrides: list[str], older: str | None):
    before = older or folder_name(",".join(sorted(overrides)))
    name = job_name(overrides, [])
    assert name == before or before in older_names(name)


AWKWARD = (
    *("x=~/a", "x=~a", "x=a~2", "x=a/b", "x=a_b", "x=a\\b", "x=/", "x=", "x= ", "x=.", "x=λ", "x=한글", "x=a\nb"),
    *("x=a\x00", "x=\x7f", "x=\udcff", "x=😀", "x=" + "y" * 999, "x=" + "y" * 998, "x=" + "한" * 80, "../../x", "~x"),
    *(".", "..", ".x", " x", "x.", "a\u200b", "a\u202e"),
)


def test_different_values_have_different_names_that_every_file_system_takes(tmp_path: Path):
    names = [folder_name(text) for text in AWKWARD]
    assert len(set(names)) == len(AWKWARD)
    for name in names:
        (tmp_path / name).mkdir()
        assert len(name.encode()) <= 200
        assert name[0] not in ". "
        assert name[-1] not in ". "
        assert name.isprintable()
        assert without_number(name) == (name, 1)
    assert len(list(tmp_path.iterdir())) == len(AWKWARD)


@given(text())
def test_every_text_has_a_name_of_its_own_kind(value: str):
    name = folder_name(value)
    assert name == folder_name(name)
    assert (name == value) or name[-9] == "-"


@pytest.mark.parametrize("name", ["seed=1", folder_name("x=a~2"), "a-1"])
def test_the_run_of_a_job_with_another_config_is_numbered(name: str):
    assert [without_number(with_number(name, number)) for number in (1, 2, 10)] == [(name, 1), (name, 2), (name, 10)]
    assert with_number(name, 2) == f"{name}~2"


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
    assert len(named(*(f"+callbacks.key_{number}=0,1" for number in range(50)))[0]) == 200


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("hydra.sweep.dir", "", "hydra.sweep.dir= names no folder"),
        ("sweep.name", "${hydra:job.num}", "sweep.name refers to a value that only a job has"),
    ],
)
def test_a_sweep_without_a_folder_or_with_a_jobs_name_is_rejected(key: str, value: str, words: str):
    with initialize_config_dir(str(REPOSITORY / "conf"), version_base="1.3"):
        config = compose("train", [], return_hydra_config=True)
    OmegaConf.update(config, key, value)
    HydraConfig.instance().set_config(config)
    with pytest.raises(UserError, match=words):
        name_sweep(config)

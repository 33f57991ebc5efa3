"""Every option of every group trains."""

import inspect
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hydra.utils import get_object
from omegaconf import OmegaConf

from cnnlab.experiment.check import data_is_available
from cnnlab.run.execution import run
from tests.conftest import REPOSITORY
from tests.experiment.configs import composed, hydra_loader, write

GROUPS = (
    *("data", "augmentation", "model", "activation", "init", "pool", "loss", "optimizer", "scheduler", "averaging"),
    *("trainer", "callbacks", "logger", "experiment"),
)
OPTIONS = [(group, path.stem) for group in GROUPS for path in sorted((REPOSITORY / "conf" / group).glob("*.yaml"))]
# proved elsewhere: ddp starts processes (test_ddp.py), a GPU and the extras may be absent
ELSEWHERE = {("trainer", "ddp"), ("trainer", "gpu"), ("logger", "mlflow"), ("logger", "wandb")}


@pytest.mark.parametrize(("group", "option"), [option for option in OPTIONS if option not in ELSEWHERE])
def test_it_composes_and_runs(compose_run, tmp_path: Path, group: str, option: str):
    base = {"data": "mnist_5k", "trainer": "cpu", "callbacks": "light", "logger": "none"}
    if group == "data":
        base["model"] = "softmax_regression"  # takes images of any size
    choices = [f"{name}={value}" for name, value in {**base, group: option}.items()]
    config = compose_run(*choices, "trainer.fast_dev_run=2", "console=none")
    if not data_is_available(config):
        pytest.skip(f"the files of data={option} are not here")
    run(config)
    result = json.loads((tmp_path / "run" / "result.json").read_text())
    assert result["status"] == "completed"
    assert result["steps"] == 2
    assert 0 <= result["metrics"]["test/acc"] <= 1


@pytest.mark.parametrize(("group", "option"), OPTIONS)
def test_every_option_composes(compose_run, group: str, option: str):
    config = compose_run(f"{group}={option}")
    if group == "optimizer":
        assert config.optimizer.lr > 0
        assert config.optimizer.weight_decay >= 0


def test_the_help_names_every_option():
    done = subprocess.run([sys.executable, "train.py", "--help"], cwd=REPOSITORY, capture_output=True, text=True)
    listed = dict(line.split(": ", 1) for line in done.stdout.splitlines() if re.match(r"\w+: ", line))
    assert {(group, option) for group in GROUPS for option in listed[group].split(", ")} == set(OPTIONS)


# data's facts are of the files, the extras' loggers are named after this project
COMMENTED = [
    *(option for option in OPTIONS if option[0] not in ("data", "experiment", "logger")),
    *(
        (f"hydra/sweeper/{group}", path.stem)
        for group in ("sampler", "pruner")
        for path in sorted((REPOSITORY / "conf/hydra/sweeper" / group).glob("*.yaml"))
    ),
]


def differing(node: Any) -> Iterator[str]:
    """The keys of an option, at any depth, whose value is not the default of what `_target_` makes."""
    if not isinstance(node, dict):
        return
    if "_target_" in node:
        parameters = inspect.signature(get_object(node["_target_"])).parameters
        for name, value in node.items():
            default = parameters[name].default if name in parameters else inspect.Parameter.empty
            default = list(default) if isinstance(default, tuple) else default
            if default is not inspect.Parameter.empty and value != default and "${" not in str(value):
                yield name
    for value in node.values():
        yield from differing(value)


@pytest.mark.parametrize(("group", "option"), COMMENTED)
def test_a_value_that_is_not_the_librarys_has_its_reason_beside_it(group: str, option: str):
    path = REPOSITORY / "conf" / group / f"{option}.yaml"
    lines = path.read_text().splitlines()
    values = OmegaConf.to_container(OmegaConf.load(path), resolve=False)
    silent = [
        name
        for name in differing(values)
        for line in lines
        if re.match(rf"\s*(\w+: {{.*)?\b{name}: ", line) and "  # " not in line
    ]
    assert silent == [], path


@pytest.mark.parametrize("group", ["sweep", "recipes"])
def test_a_users_file_chooses_the_sweeper_the_launcher_and_the_log(tmp_path: Path, group: str):
    chosen = {"launcher": "basic", "sweeper": "optuna", "sweeper/sampler": "random", "job_logging": "default"}
    lines = "".join(f"- override /hydra/{name}: {option}\n" for name, option in chosen.items())
    write(tmp_path, f"{group}/mine", f"defaults:\n{lines}hydra: {{sweeper: {{n_trials: 2}}}}\n")
    with hydra_loader():
        config = composed(f"{'' if group == 'sweep' else '+'}{group}=mine", folder=tmp_path)
        default = composed()
    choices = config.hydra.runtime.choices
    assert {name: choices[f"hydra/{name}"] for name in chosen} == chosen
    assert (choices["hydra/help"], config.hydra.sweeper.n_trials) == ("cnnlab", 2)
    assert default.hydra.runtime.choices["hydra/launcher"] == "local"
    assert default.hydra.runtime.choices["hydra/sweeper"] == "grid"


def test_the_options_of_trainer_differ_in_the_device_alone():
    files = [OmegaConf.load(path) for path in (REPOSITORY / "conf" / "trainer").glob("*.yaml")]
    assert {key for file in files for key in file} == {"accelerator", "strategy", "devices"}

"""A planted exploit for each way in which a stranger's config or run folder reaches the program.

Each would make a folder, the mark, if the program ran it; `experiment/test_targets.py` shows that the exploit works
where nothing refuses it. What a stranger's sweep can do is in `cli/test_untrusted.py`.
"""

import json
import os
import pickle
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from cnnlab.apply.load import load_finished
from cnnlab.errors import UserError
from cnnlab.run.flags import CommandLine
from cnnlab.run.folder import RunFolder
from cnnlab.run.resume import expand_resume
from cnnlab.training.checkpoint import load_checkpoint
from tests.attack import GLOBAL, SHORT, Attack
from tests.conftest import REPOSITORY
from tests.sweep.runs import result

EXPERIMENTS = {  # a stranger's conf/experiment/evil.yaml, to what is refused
    "callbacks: {x: CALL}": "callbacks.x._target_=os.mkdir",
    "logger: CALL": "logger._target_=os.mkdir",
    "model: {extra: [{a: CALL}]}": "model.extra.0.a._target_=os.mkdir",
    "activation: CALL": "activation._target_=os.mkdir",
    "data: {files: CALL}": "data.files._target_=os.mkdir",
    "trainer: {profiler: CALL}": "trainer.profiler._target_=os.mkdir",
    "callbacks: {x: '${y}'}\ny: CALL": "callbacks.x._target_=os.mkdir",
    "callbacks: {x: {_target_: '${objective}', path: MARK}}\nobjective: os.mkdir": "callbacks.x._target_=os.mkdir",
    "hydra: {callbacks: {x: CALL}}": "hydra.callbacks.x._target_=os.mkdir",
    "hydra: {callbacks: {preflight: null}}": "hydra.callbacks.preflight=None",
    "hydra: {launcher: {x: CALL}}": "hydra.launcher.x._target_=os.mkdir",
    "hydra: {sweeper: {params: {x: CALL}}}": "hydra.sweeper.params.x._target_=os.mkdir",
    "hydra: {job_logging: {handlers: {file: {(): os.mkdir, path: MARK}}}}": "hydra.job_logging.handlers.file.",
    "hydra: {job_logging: {handlers: {file: {class: os.mkdir}}}}": "hydra.job_logging.handlers.file.class=os.mkdir",
    "hydra: {job_logging: {handlers: {file: {filename: MARK}}}}": "hydra.job_logging.handlers.file.filename=",
    "hydra: {hydra_logging: {handlers: {console: {stream: 'ext://os.x'}}}}": "hydra.hydra_logging.handlers.",
    "hydra: {job: {env_set: {HYDRA_INSTANTIATE_ALLOWLIST_OVERRIDE: os.mkdir}}}": "hydra.job.env_set.HYDRA_",
    "hydra: {job: {env_copy: [HOME]}}": "hydra.job.env_set.HOME=",
    "hydra: {job: {chdir: true}}": "hydra.job.chdir=True",
    "hydra: {job: {name: ../../x}}": "hydra.job.name=../../x",
    "hydra: {run: {dir: MARK}}": "hydra.run.dir=",
    "hydra: {sweep: {dir: MARK}}": "hydra.sweep.dir=",
    "hydra: {sweep: {subdir: ../../x}}": "hydra.sweep.subdir=../../x",
    "hydra: {output_subdir: ../..}": "hydra.output_subdir=../..",
    "hydra: {overrides: {task: ['+callbacks.x=CALL']}}": "hydra.overrides: +callbacks.x=",
    "hydra: {overrides: {hydra: ['hydra.run.dir=MARK']}}": "hydra.overrides: hydra.run.dir=",
    "hydra: {sweeper: {params: {hydra.run.dir: MARK}}}": "hydra.sweeper.params: hydra.run.dir=",
    "hydra: {sweeper: {params: {+trust: os}}}": "hydra.sweeper.params: +trust=os",
    "hydra: {sweeper: {params: {+callbacks.x: 'CALL'}}}": "callbacks.x._target_=os.mkdir",
    "hydra: {sweeper: {params: {data.root: '\\${oc.env:API_KEY}'}}}": "${oc.env:API_KEY} is not allowed",
    "tuning: {space: {callbacks.x: 'CALL'}}": "tuning.space.callbacks.x",
    "tuning: {space: {callbacks.x._target_: 'choice(os.mkdir,os.rmdir)'}}": "tuning.space.callbacks.x._target_=choice(",
    "tuning: {space: {hydra.run.dir: 'choice(1,2)'}}": "hydra.run.dir cannot be tuned",
    "tuning: {space: {+trust: '1'}}": "tuning.space.+trust=1",
    "tuning: {space: {resume: 'choice(1,2)'}}": "tuning.space.resume=choice(1,2)",
    "tuning: {space: {data: {root: '\\${oc.env:API_KEY}'}}}": "tuning.space.data.root=",
    "sweep: {name: ../../x}": "sweep.name=../../x is not allowed",
    "callbacks: {x: {_target_: lightning.pytorch.callbacks.ModelCheckpoint, dirpath: MARK}}": "callbacks.x.dirpath=",
    "callbacks: {x: {_target_: lightning.pytorch.callbacks.ModelCheckpoint, dirpath: src}}": "callbacks.x.dirpath=src",
    "callbacks: {x: {_target_: lightning.pytorch.callbacks.ModelCheckpoint, _args_: [src]}}": "callbacks.x._args_=",
    "callbacks: {x: {_target_: lightning.pytorch.callbacks.ModelCheckpoint, filename: ../x}}": "callbacks.x.filename=",
    "callbacks: {x: {_target_: lightning.pytorch.callbacks.ModelCheckpoint, filename: '{epoch:c}'}}": "x.filename=",
    "trainer: {profiler: {_target_: lightning.pytorch.profilers.SimpleProfiler, dirpath: ~/x}}": "profiler.dirpath=~/x",
    "callbacks: {x: {_target_: lightning.pytorch.callbacks.ModelCheckpoint, filename: '${model.a}'}}": "x.filename=",
    "resume: outputs": "resume=outputs",
    "trust: os\ncallbacks: {x: CALL}": "callbacks.x._target_=os.mkdir",
    'callbacks: {"\\e[2J\\ax": CALL}': r"callbacks.\x1b[2J\x07x._target_=os.mkdir",
    "trainer: {default_root_dir: /}": "trainer.default_root_dir=/",
    "trainer: {model_registry: a/b}": "trainer.model_registry=a/b",
    "logger: {_target_: lightning.pytorch.loggers.CSVLogger, save_dir: MARK}": "logger.save_dir=",
    "logger: {_target_: lightning.pytorch.loggers.CSVLogger, name: ../x}": "logger.name=../x",
    "logger: {m: {_target_: lightning.pytorch.loggers.MLFlowLogger, tracking_uri: 'http://x'}}": "m.tracking_uri=",
    "logger: {_target_: lightning.pytorch.loggers.WandbLogger, settings: {base_url: x}}": "logger.settings.base_url=x",
    "logger: {_target_: lightning.pytorch.loggers.WandbLogger, entity: them}": "logger.entity=them",
    "logger: {_target_: lightning.pytorch.loggers.WandbLogger, tags: ['${oc.env:API_KEY}']}": "API_KEY} is not",
    "objective: ${oc.env:API_KEY}": "${oc.env:API_KEY} is not allowed",
    "objective: ${hydra:job.env_set.API_KEY}\nhydra: {job: {env_copy: [API_KEY]}}": "hydra.job.env_",
    "optimizer: !!python/object/apply:os.mkdir [MARK]": "could not determine a constructor",
}


@pytest.mark.parametrize(("text", "because"), EXPERIMENTS.items())
def test_an_experiment_of_a_stranger(attack: Attack, text: str, because: str):
    os.environ["API_KEY"] = "hunter2"
    attack.plant("experiment/evil.yaml", GLOBAL + text)
    attack.is_refused("--config-dir", "STRANGER", "experiment=evil", *SHORT, because=because)


@pytest.mark.parametrize(
    "flags",
    [
        ["--config-dir=STRANGER"],
        ["-cd", "STRANGER"],
        ["-cd=STRANGER"],
        ["hydra.searchpath=[file://STRANGER]"],
        ["hydra.searchpath=[STRANGER]"],
        ["--config-dir=stranger"],
        ["-m", "--config-dir=STRANGER"],
        ["-m", "--config-dir=STRANGER", "hydra/launcher=basic", "hydra/sweeper=basic"],
    ],
)
def test_however_the_folder_is_given(attack: Attack, flags: list[str]):
    attack.plant("experiment/evil.yaml", f"{GLOBAL}hydra: {{callbacks: {{x: CALL}}}}")
    attack.is_refused(*flags, "experiment=evil", *SHORT, because="hydra.callbacks.x._target_=os.mkdir")
    attack.plant("experiment/evil.yaml", f"{GLOBAL}hydra: {{job: {{env_set: {{A: b}}}}}}")
    attack.is_refused(*flags, "experiment=evil", *SHORT, because="hydra.job.env_set.A=b")


ALONE = "hydra: {callbacks: {x: CALL}}\n"
PRIMARY = "defaults: [/train, _self_]\n" + ALONE


@pytest.mark.parametrize(
    "flags",
    [
        ["--config-dir=STRANGER", "--config-name=mine"],
        ["--config-path=STRANGER", "--config-name=mine"],
        ["-cp=STRANGER", "-cn", "mine.yaml"],
        ["-cp", "STRANGER"],
        ["--config-dir=STRANGER", "--config-name=experiment/mine"],
    ],
)
def test_a_primary_config_of_a_stranger(attack: Attack, flags: list[str]):
    attack.plant("mine.yaml", PRIMARY if "dir" in flags[0] else ALONE)
    attack.plant("train.yaml", ALONE)
    attack.plant("experiment/mine.yaml", GLOBAL + ALONE)
    code, text = attack.run(*flags)
    assert not attack.mark.exists()
    assert (code, text.count("\n")) == (2, 1)
    assert "hydra.callbacks.x._target_=os.mkdir" in text


@pytest.mark.parametrize("scheme", ["pkg", "structured"])
@pytest.mark.parametrize("way", ["typed", "primary", "recorded", "main", "shown"])
def test_no_package_is_imported_to_read_configs_from_it(attack: Attack, scheme: str, way: str):
    attack.plant("evilpkg/__init__.py", "import os\nos.mkdir('MARK')\n")
    attack.plant("mine.yaml", f"defaults: [/train, _self_]\nhydra: {{searchpath: [{scheme}://evilpkg]}}\n")
    attack.plant("run/.hydra/overrides.yaml", f"['hydra.searchpath=[{scheme}://evilpkg]', seed=1]")
    attack.patch.syspath_prepend(str(attack.folder))
    flags = {
        "typed": [f"hydra.searchpath=[{scheme}://evilpkg]"],
        "primary": ["--config-dir=STRANGER", "--config-name=mine"],
        "recorded": ["resume=STRANGER/run", f"hydra.searchpath=[file://x,{scheme}://evilpkg]"],
        "main": [f"--config-path={scheme}://evilpkg"],
        "shown": [f"hydra.searchpath=[{scheme}://evilpkg]", "--cfg", "job"],
    }[way]
    attack.is_refused(*flags, because="with any argument, add trust=evilpkg to")
    assert "evilpkg" not in sys.modules


RECORDS = {  # overrides.yaml of a stranger's run folder, to what is refused
    "+callbacks.x=CALL": "callbacks.x._target_=os.mkdir",
    "+callbacks@hydra.callbacks=default": "hydra.callbacks.pictures._target_=",
    "--experimental-rerun=STRANGER/evil.pickle": "which is not an override",
    "--config-dir=STRANGER": "which is not an override",
    "-m": "which is not an override",
    "experiment=../../../../../../../../../../STRANGER/evil": "experiment=",
    "data.root=${oc.env:API_KEY}": "${oc.env:API_KEY} is not allowed",
    "+callbacks.x={_target_:lightning.pytorch.callbacks.ModelCheckpoint,dirpath:/tmp}": "callbacks.x.dirpath=/tmp",
    "+trainer.profiler={_target_:lightning.pytorch.profilers.SimpleProfiler,dirpath:/}": "profiler",
    "+logger.x._target_=os.mkdir": "logger.x._target_=os.mkdir",
    "logger.tensorboard._target_=os.mkdir": "logger.tensorboard._target_=os.mkdir",
    "+logger.tensorboard.log_dir=/tmp": "logger.tensorboard.log_dir=/tmp",
    "trainer.callbacks=CALL": "",
}


@pytest.mark.parametrize(("recorded", "because"), RECORDS.items())
def test_a_run_folder_of_a_stranger_is_resumed(attack: Attack, recorded: str, because: str):
    os.environ["API_KEY"] = "hunter2"
    text = recorded.replace("CALL", attack.call.replace(" ", "")).replace("STRANGER", str(attack.folder))
    attack.plant(".hydra/overrides.yaml", json.dumps(["optimizer=adam", text]))
    attack.plant(".hydra/config.yaml", "logger: {}")
    attack.plant("evil.yaml", f"{GLOBAL}callbacks: {{x: CALL}}")
    attack.is_refused("resume=STRANGER", because=because)


@pytest.mark.parametrize(
    "recorded",
    [
        *("hydra.callbacks.x=CALL", "+hydra.callbacks.x=CALL", "++hydra.callbacks={x:CALL}", "~hydra.callbacks"),
        *("hydra.job.env_set={A:b}", "hydra/launcher=slurm", "hydra.run.dir=/", "hydra={run:{dir:/}}", "trust=os"),
        *(" +hydra.callbacks.x=CALL", "hydra.output_subdir=../..", "hydra.job_logging.handlers.file.filename=/x"),
    ],
)
def test_a_resume_takes_nothing_of_hydras_from_a_record(attack: Attack, recorded: str):
    attack.plant(".hydra/overrides.yaml", json.dumps([recorded, "optimizer=adam"]))
    text = ["optimizer=adam", f"hydra.run.dir={attack.folder}", "hydra.output_subdir=null", "hydra.mode=RUN"]
    line = expand_resume(CommandLine({}, [f"resume={attack.folder}"]))
    assert line.arguments() == [*text, f"resume={attack.folder}"]
    code, line = attack.run(f"resume={attack.folder}")  # the record of the config is missing
    assert (code, line.count("\n")) == (2, 1)
    assert not attack.mark.exists()
    assert "os" not in os.environ.get("CNNLAB_TRUST", "")


def test_what_was_typed_at_the_start_may_be_typed_again_to_resume(attack: Attack):
    checkpoint = "+callbacks.x={_target_:lightning.pytorch.callbacks.ModelCheckpoint,dirpath:/tmp/x}"
    attack.plant(".hydra/overrides.yaml", json.dumps([checkpoint]))
    assert "callbacks.x" in attack.run(f"resume={attack.folder}")[1]
    assert "config.yaml is damaged or missing" in attack.run(f"resume={attack.folder}", checkpoint)[1]


def test_hydras_own_reruns_from_a_pickle_are_refused(attack: Attack):
    attack.plant("evil.pickle", "cos\nmkdir\n(S'MARK'\ntR.")
    attack.is_refused("--experimental-rerun", "STRANGER/evil.pickle", because="reads a pickle, which can run code")
    attack.is_refused("--exp", "STRANGER/evil.pickle", because="--exp is not a flag")
    pickle.loads((attack.folder / "evil.pickle").read_bytes())
    assert attack.mark.exists(), "Hydra would have run it"


@pytest.mark.parametrize(
    "arguments",
    [
        ["+callbacks.x=CALL"],
        ["+hydra.callbacks.x=CALL"],
        ["+logger._target_=os.mkdir"],
        ["-m", "seed=0,1", "+callbacks.x=CALL"],
        ["-m", "seed=0,1", "+hydra.callbacks.x=CALL"],
        ["-m", "seed=0,1", "hydra.launcher._target_=os.mkdir"],
        ["-m", "activation._target_=os.mkdir,os.system"],
        ["-m", "hydra/sweeper=optuna", "activation._target_=choice(os.mkdir,os.system)"],
        ["-m", "seed=0", "hydra/sweeper=optuna", "hydra.sweeper.sampler._target_=os.mkdir"],
        [
            "-m",
            "seed=0",
            "hydra/sweeper=optuna",
            "hydra/sweeper/pruner=median",
            "hydra.sweeper.pruner._target_=os.mkdir",
        ],
    ],
)
def test_what_a_user_copies_onto_the_command_line(attack: Attack, arguments: list[str]):
    attack.is_refused(*arguments, *SHORT, because="_target_=os.mkdir is not allowed")


def test_a_file_outside_the_folder_is_no_option(attack: Attack):
    attack.plant("evil.yaml", f"{GLOBAL}hydra: {{callbacks: {{x: CALL}}}}")
    up = "/".join([".."] * 20)
    attack.is_refused(f"experiment={up}/{attack.folder}/evil", *SHORT, because="")


def test_a_stranger_may_be_looked_at(attack: Attack):
    attack.plant("experiment/evil.yaml", f"{GLOBAL}callbacks: {{x: CALL}}\nhydra: {{callbacks: {{x: CALL}}}}")
    # Hydra would build hydra.callbacks on the way to the settled config
    attack.is_refused("--config-dir=STRANGER", "experiment=evil", "--cfg", "job", because="_target_=os.mkdir")
    code, text = attack.run("--config-dir=STRANGER", "experiment=evil", "--info", "config")
    assert code == 0
    assert "_target_: os.mkdir" in text
    assert not attack.mark.exists()


def run_folder(folder: Path, change: Callable[[dict[str, Any]], None] | None = None) -> Path:
    """The folder of a run that has completed, as far as its records say."""
    (folder / ".hydra").mkdir(parents=True)
    (folder / "checkpoints").mkdir()
    with initialize_config_dir(str(REPOSITORY / "conf"), version_base="1.3"):
        config: Any = OmegaConf.to_container(compose("train", ["data=mnist_5k"]))
    if change is not None:
        change(config)
    OmegaConf.save(OmegaConf.create(config), folder / ".hydra" / "config.yaml")
    OmegaConf.save(OmegaConf.create(["data=mnist_5k"]), folder / ".hydra" / "overrides.yaml")
    (folder / "result.json").write_text(result("completed", weights_sha256="0", data={"name": "mnist_5k"}))
    torch.save({"state_dict": {}}, folder / "checkpoints" / "last.ckpt")
    return folder


@pytest.mark.parametrize("group", ["model", "activation", "init", "loss", "optimizer", "scheduler", "augmentation"])
def test_a_network_is_loaded_from_a_run_folder_of_a_stranger(attack: Attack, group: str):
    def evil(config: dict[str, Any]) -> None:
        config[group] = {"_target_": "os.mkdir", "path": str(attack.mark)}

    with pytest.raises(UserError, match=rf"{group}\._target_=os\.mkdir is not allowed"):
        load_finished(run_folder(attack.folder / "run", evil))
    assert not attack.mark.exists()


def test_no_environment_variable_is_read_for_a_run_folder_of_a_stranger(attack: Attack):
    def curious(config: dict[str, Any]) -> None:
        config["model"]["dropout"] = "${oc.env:API_KEY}"

    os.environ["API_KEY"] = "hunter2"
    with pytest.raises(UserError, match=r"\$\{oc\.env:API_KEY\} is not allowed"):
        load_finished(run_folder(attack.folder / "run", curious))


class Exploit:
    """Leaves a mark when it is unpickled."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.mark),)


def test_a_checkpoint_of_a_stranger_is_not_unpickled(attack: Attack):
    run = run_folder(attack.folder / "run")
    torch.save({"state_dict": {}, "x": Exploit(attack.mark)}, run / "checkpoints" / "last.ckpt")
    for load in (lambda: load_checkpoint(run / "checkpoints" / "last.ckpt"), lambda: load_finished(run)):
        with pytest.raises(Exception, match=r"(?i)weights.only|damaged|another version|not"):
            load()
        assert not attack.mark.exists()


def test_records_of_a_stranger_are_plain_data(attack: Attack):
    attack.plant(".hydra/overrides.yaml", "!!python/object/apply:os.mkdir ['MARK']")
    attack.is_refused("resume=STRANGER", because="overrides.yaml is damaged")
    attack.plant(".hydra/overrides.yaml", "- seed=1\n")
    attack.plant(".hydra/config.yaml", "!!python/object/apply:os.mkdir ['MARK']")
    assert "config.yaml is damaged" in attack.run("resume=STRANGER")[1]
    for text in ("[" * 100_000, '{"a":' * 100_000):
        attack.plant("result.json", text)
        assert RunFolder(attack.folder).result() is None
    assert not attack.mark.exists()


@pytest.mark.slow
def test_in_a_real_process_too(attack: Attack):
    attack.plant("experiment/evil.yaml", f"{GLOBAL}hydra: {{callbacks: {{x: CALL}}}}")
    command = [sys.executable, str(REPOSITORY / "train.py"), "--config-dir", str(attack.folder), "experiment=evil"]
    done = subprocess.run(command, cwd=attack.folder.parent, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert not attack.mark.exists()
    assert sorted(attack.folder.parent.iterdir()) == [attack.folder]


def test_the_tests_that_the_document_names_exist():
    named = set(re.findall(r"`(test_\w+)`", (REPOSITORY / "docs" / "security.md").read_text()))
    files = (REPOSITORY / "tests").rglob("test_*.py")
    assert len(named) > 20
    assert named <= {name for file in files for name in re.findall(r"^def (test_\w+)", file.read_text(), re.MULTILINE)}

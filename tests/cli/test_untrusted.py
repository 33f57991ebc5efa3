"""Sweeps, clusters and harmless configs of a stranger, and what an ordinary start pays."""

import os
from typing import Any

import pytest

from cnnlab.cli import untrusted
from cnnlab.cli.untrusted import check_untrusted, take_trust
from cnnlab.experiment.folder import config_folder
from cnnlab.run.flags import CommandLine
from cnnlab.sweep.engines.node import NodeEnvironment
from tests.attack import GLOBAL, SHORT, Attack


@pytest.mark.parametrize("name", ["../../x", "/tmp/x", "a/b", "..", '"~"', "a\\b", '"a\nb"'])
def test_a_sweep_is_named_by_one_folder(attack: Attack, name: str):
    attack.is_refused(
        "-m", "seed=0,1", f"sweep.name={name}", *SHORT, because="is not allowed; it must be null or a name"
    )


@pytest.mark.parametrize(
    "text",
    [
        *("setup: ['touch MARK']", "srun_args: [-x]", "additional_parameters: {wrap: x}", "submitit_folder: MARK"),
        *('partition: "a\\ntouch MARK"', "comment: x", "python: MARK", 'stderr_to_stdout: "a\\nb"'),
    ],
)
def test_slurm_parameters_of_a_stranger(attack: Attack, text: str):
    attack.plant("hydra/launcher/evil.yaml", f"defaults: [slurm]\n{text}\n")
    key = f"hydra.launcher.{text.partition(':')[0]}"
    attack.is_refused("--config-dir=STRANGER", "-m", "seed=0,1", "hydra/launcher=evil", *SHORT, because=key)


@pytest.mark.parametrize(
    ("launcher", "text"),
    [
        ("ray", "ray: {init: {address: 'ray://evil:10001'}}"),
        ("ray", "ray: {init: {runtime_env: {pip: [evil]}}}"),
        ("ray", "ray: {remote: {runtime_env: {py_modules: [evil]}}}"),
    ],
)
def test_a_cluster_of_a_stranger(attack: Attack, launcher: str, text: str):
    attack.plant("hydra/launcher/evil.yaml", f"defaults: [{launcher}]\n{text}\n")
    flags = ("--config-dir=STRANGER", "-m", "seed=0,1", "hydra/launcher=evil")
    attack.is_refused(*flags, *SHORT, because="hydra.launcher.ray.")


def test_a_database_of_a_stranger(attack: Attack):
    attack.plant("sweep/evil.yaml", f"{GLOBAL}hydra: {{sweeper: {{storage: 'sqlite:///MARK'}}}}")
    flags = ("--config-dir=STRANGER", "-m", "hydra/sweeper=optuna", "sweep=evil", "seed=0,1")
    attack.is_refused(*flags, *SHORT, because="hydra.sweeper.storage=sqlite:///")


def test_options_that_are_harmless_alone(attack: Attack):
    keep = (
        "x: {_target_: lightning.pytorch.callbacks.ModelCheckpoint, dirpath: '${hydra:runtime.output_dir}/.${model.y}'}"
    )
    attack.plant("experiment/evil.yaml", f"{GLOBAL}callbacks: {{{keep}}}\nmodel: {{y: ''}}")
    attack.plant("sweep/evil.yaml", f"{GLOBAL}hydra: {{sweeper: {{params: {{++model.y: ./x}}}}}}")
    flags = ["-m", "--config-dir=STRANGER", "experiment=quick,evil", "sweep=evil", "hydra/launcher=basic"]
    attack.is_refused(*flags, *SHORT, because="callbacks.x.dirpath=/run-folder/../x")


@pytest.mark.parametrize("sweep", ["experiment=quick,evil", "experiment=glob(*)", "'experiment=choice(evil)'"])
@pytest.mark.parametrize("launcher", ["local", "basic"])
def test_an_option_that_only_one_job_of_a_sweep_has(attack: Attack, sweep: str, launcher: str):
    attack.plant("experiment/evil.yaml", f"{GLOBAL}hydra: {{job_logging: {{handlers: {{x: {{(): CALL}}}}}}}}")
    flags = ["-m", "--config-dir=STRANGER", sweep.strip("'"), f"hydra/launcher={launcher}"]
    attack.is_refused(*flags, *SHORT, because="hydra.job_logging.handlers.x.")


def test_a_harmless_experiment_of_a_stranger_passes(attack: Attack):
    stop = "stop: {_target_: lightning.pytorch.callbacks.EarlyStopping, monitor: val/acc}"
    keep = "keep: {_target_: lightning.pytorch.callbacks.ModelCheckpoint, dirpath: '${hydra:runtime.output_dir}/kept'}"
    attack.plant("experiment/fine.yaml", f"{GLOBAL}optimizer: {{lr: 0.1}}\ncallbacks: {{{stop}, {keep}}}\n")
    attack.plant("sweep/fine.yaml", f"{GLOBAL}hydra: {{mode: MULTIRUN, sweeper: {{params: {{experiment: fine}}}}}}\n")
    attack.plant("hydra/launcher/fine.yaml", "defaults: [slurm]\npartition: gpu\ntimeout_min: 5\n")
    for arguments in (
        ["experiment=fine"],
        ["experiment=fine", "callbacks=light", "logger=none", "augmentation=none", "trainer=cpu"],
        ["sweep=fine"],
        ["-m", "experiment=fine,quick", "hydra/launcher=fine"],
        [
            "-m",
            "experiment=fine",
            "hydra/sweeper=optuna",
            "optimizer.lr=interval(0.1,1)",
            "hydra.sweeper.storage=sqlite:///x",
        ],
        ["experiment=fine", "callbacks.keep.dirpath=/tmp/kept", "hydra.run.dir=/tmp/x", "+hydra.job.env_set.A=b"],
    ):
        typed = CommandLine.parse([f"--config-dir={attack.folder}", *arguments])
        check_untrusted(typed, typed, config_folder())


CSV = "csv:\n  _target_: lightning.pytorch.loggers.CSVLogger\n"
RUN = "${hydra:runtime.output_dir}"


@pytest.mark.parametrize(
    "text",
    [
        *(f"{key}: {place}" for key in ("save_dir", "dir", "root_dir") for place in (f"{RUN}/../x", "/tmp/x", "~/x")),
        *(f"save_dir: {place}" for place in (f"{RUN}x", f"'{RUN}/a/../../x'", "x", ".", "'C:/x'", "s3://bucket/x")),
        *("save_dir: ${oc.env:HOME}", "save_dir: ${hydra:runtime.cwd}", f"save_dir: {RUN}\n  name: ../../x"),
        *(f"save_dir: {RUN}\n  name: /tmp/x", f"tracking_uri: {RUN}", "save_dir: '${hydra:job.num}'"),
    ],
)
def test_a_logger_of_a_stranger_writes_outside(attack: Attack, text: str):
    attack.plant("logger/evil.yaml", f"{CSV}  {text}\n")
    attack.is_refused("--config-dir=STRANGER", "logger=evil", *SHORT[:-1], because="logger.csv.")


def test_a_logger_that_writes_inside_the_run_folder_passes(attack: Attack):
    for place in (RUN, f"{RUN}/csv"):
        attack.plant("logger/mine.yaml", f"{CSV}  save_dir: {place}\n  name: mine\n")
        typed = CommandLine.parse([f"--config-dir={attack.folder}", "logger=mine"])
        check_untrusted(typed, typed, config_folder())


def test_a_link_out_of_the_run_folder_is_no_place_for_a_logger(attack: Attack):
    attack.plant("logger/mine.yaml", f"{CSV}  save_dir: {RUN}/link\n")
    attack.out.mkdir()
    (attack.out / "link").symlink_to(attack.folder)
    flags = ("--config-dir=STRANGER", "logger=mine", *SHORT[:-1], "hydra.run.dir=STRANGER/../out")
    attack.is_refused(*flags, because="out")


def test_trust_is_typed_and_inherited_but_never_recorded(attack: Attack):
    attack.plant("experiment/mine.yaml", f"{GLOBAL}callbacks: {{x: {{_target_: tests.sweep.faults.Fault, how: none}}}}")
    typed = ["--config-dir=STRANGER", "experiment=mine", *SHORT, "hydra.run.dir=STRANGER/../out"]
    attack.is_refused(*typed, because="add trust=tests to the command, or set CNNLAB_TRUST=tests")
    assert take_trust(["seed=1", "trust=tests", "+trust=a:b"]) == ["seed=1"]
    assert os.environ["CNNLAB_TRUST"] == "tests,a,b"
    assert NodeEnvironment.current(1).variables["CNNLAB_TRUST"] == "tests,a,b"  # of a cluster's jobs
    attack.is_refused(*typed, "trust=/x", because="trust=/x is not allowed; it must be the names of packages")


def test_no_library_of_which_a_part_is_listed_can_be_trusted(attack: Attack):
    load = "+callbacks.x={_target_: torch.load, f: MARK, weights_only: false}"
    attack.is_refused(load, *SHORT, because="callbacks.x._target_=torch.load is not allowed: ")
    attack.is_refused(load, "trust=torch", *SHORT, because="trust=torch is not allowed: torch cannot be trusted beyond")
    os.environ["CNNLAB_TRUST"] = "torch"
    attack.is_refused(load, *SHORT, because="CNNLAB_TRUST=torch is not allowed: torch cannot be trusted beyond what")


def test_an_ordinary_start_is_not_composed_twice(attack: Attack):
    composed: list[Any] = []
    attack.patch.setattr(untrusted, "compose", lambda *args, **kwargs: composed.append(args))
    attack.patch.setattr(untrusted, "shipped_values", lambda *args: composed.append(args))
    for arguments in (
        [],
        ["optimizer=adam", "optimizer.lr=0.1", "data.root=/data", "hydra.run.dir=/tmp/x", "resume=null"],
        ["-m", "optimizer=adam,sgd", "seed=range(0,3)", "hydra/launcher=slurm", "hydra.launcher.setup=[x]"],
        ["experiment=accurate", "+callbacks.x._target_=mine.X", "trainer.max_epochs=3"],
        ["--cfg", "job"],
        ["--help"],
    ):
        line = CommandLine.parse(arguments)
        check_untrusted(line, line, config_folder())
    assert composed == []


def test_a_worker_uses_the_config_that_the_first_process_has_checked(attack: Attack):
    attack.plant("experiment/evil.yaml", f"{GLOBAL}callbacks: {{x: CALL}}")
    flags = ["--config-dir=STRANGER", "experiment=evil", *SHORT]
    os.environ["LOCAL_RANK"] = "0"  # a leftover of something else is no proof of a check
    attack.is_refused(*flags, because="callbacks.x._target_=os.mkdir")

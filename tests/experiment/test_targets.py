import ast
import os
import pickle
import sys
from pathlib import Path
from typing import Any

import hydra
import pytest
import torch
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from cnnlab.errors import UserError, users_mistake
from cnnlab.experiment.targets import FAMILIES, NAMES, check_targets, instantiate
from cnnlab.experiment.trust import LISTED_IN_PART, trust, trust_typed_variables, trusted
from tests.conftest import REPOSITORY

RUNS_CODE = (  # each ran code, or led to it, although Hydra has a blocklist
    *("os.system", "torch.hub.load", "torch.load", "numpy.load", "joblib.load", "pandas.read_pickle"),
    *(
        "sympy.sympify",
        "distutils.spawn.spawn",
        "site.addsitedir",
        "builtins.open",
        "builtins.eval",
        "functools.partial",
    ),
    *("hydra.utils.get_method", "hydra.utils.get_class", "hydra.utils.instantiate", "importlib.import_module"),
    *("lightning.pytorch.cli.LightningCLI", "torch.utils.cpp_extension.load", "pickle.loads", "torch.jit.load"),
    *("hydra.utils.call", "hydra._internal.utils._locate", "builtins.exec", "builtins.__import__"),
)
WALKS = (  # through what a module of the list imports or has
    *("torch.nn.utils.os.system", "torch.nn.modules.module.functools.partial", "torch.nn.init.math.sqrt"),
    *("torch.nn.init.warnings.warn", "torch.nn.Module.load_state_dict", "torch.nn.ReLU.__init__", "torch.nn.Parameter"),
    *("torch.optim.lr_scheduler.Counter", "torch.optim.lr_scheduler.Any", "torch.optim.Optimizer.step"),
    *("torch.optim.lr_scheduler.os.system", "lightning.pytorch.callbacks.lambda_function.Callable"),
    *("lightning.pytorch.callbacks.ModelCheckpoint.load_state_dict", "lightning.pytorch.loggers.os.system"),
    *("cnnlab.cli.main.sys.exit", "cnnlab.files.write_atomically", "cnnlab.nn.init.Callable", "cnnlab.nn.init.nn"),
    *("cnnlab.training.checkpoint.load_checkpoint", "cnnlab.training.epoch_checkpoint.EpochCheckpoint"),
    *(
        "cnnlab.training.history.History",
        "cnnlab.training.interruption.StopOnSignal",
        "cnnlab.training.loggers.Path",
        "cnnlab.observe.pictures.Path",
    ),
    *("cnnlab.data.idx.Path", "cnnlab.data.module.Any", "cnnlab.nn.cnn.Sequence", "cnnlab.optim.averaging.Trainer"),
    *("pytorch_optimizer.load_optimizer", "pytorch_optimizer.OneCycleLR", "optuna.samplers._base.np.load"),
    *("builtins.len.__self__.exec", "torch.nn.Module.__class__", "cnnlab.run.claim.clear"),
    "lightning.pytorch.callbacks.ModelCheckpoint.__init__.__globals__",
    "lightning.pytorch.callbacks.prediction_writer.BasePredictionWriter",
    *("torch.nn.modules.lazy.os.mkdir", "torch.optim.optimizer.os.mkdir", "torch.optim.lr_scheduler.warnings.warn"),
)
ODD = (
    *("", ".", "torch.nn", "torch..nn.ReLU", ".torch.nn.ReLU", "torch.nn.", " torch.nn.ReLU", "torch.nn.ReLU "),
    *(
        "torch.nn.ReLU\n",
        "torch.nn.ReLU\nos.system",
        "TORCH.nn.ReLU",
        "t\u043erch.nn.ReLU",
        "torch/nn/ReLU",
        "torch:nn",
    ),
)


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CNNLAB_TRUST", "")
    monkeypatch.setenv("CNNLAB_TRUST_ENV", "")


def targets(node: Any) -> set[str]:
    items = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    return {value for name, value in items if name == "_target_"}.union(*(targets(value) for _, value in items))


def test_every_target_in_conf_is_allowed():
    files = [OmegaConf.to_container(OmegaConf.load(path)) for path in (REPOSITORY / "conf").rglob("*.yaml")]
    found = set().union(*map(targets, files))
    assert len(found) > 50
    for target in found:
        check_targets({"_target_": target})


@pytest.mark.parametrize("target", [*RUNS_CODE, *ODD])
def test_what_runs_code_is_refused_by_its_name(target: str):
    with pytest.raises(UserError, match=r"callbacks\.x\._target_=.* is not allowed"):
        check_targets({"callbacks": {"x": {"_target_": target}}})


@pytest.mark.parametrize("target", [*RUNS_CODE, *WALKS, *ODD])
def test_nothing_is_reached_through_what_an_allowed_module_imports(target: str):
    with pytest.raises(UserError, match="is not allowed"):
        instantiate({"_target_": target})


def test_the_refusal_names_the_target_its_place_and_what_to_type():
    with pytest.raises(UserError) as error:
        check_targets({"model": {"layers": [{"_target_": "timm.create_model"}]}})
    assert "model.layers.0._target_=timm.create_model is not allowed" in str(error.value)
    assert "add trust=timm to the command, or set CNNLAB_TRUST=timm" in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    "text",
    [
        "{x: {_target_: os.system}}",
        "{x: [1, [{y: {_target_: os.system}}]]}",
        "{_target_: torch.nn.Sequential, _args_: [{_target_: os.system}]}",
        "{_target_: lightning.pytorch.callbacks.LambdaCallback, on_fit_start: {_target_: os.system, _partial_: true}}",
        "{_target_: torch.nn.ReLU, _recursive_: false, x: {_target_: os.system}}",
        "{name: os.system, x: {_target_: '${name}'}}",
        "{a: os, x: {_target_: '${a}.system'}}",
        "{x: '${y}', y: {_target_: os.system}}",
        "{x: '${oc.create:\"{_target_: os.system}\"}'}",
        "{x: {_target_: '${oc.decode:\"os.system\"}'}}",
        "{x: {_target_: [os.system]}}",
        "{x: {_target_: {a: os.system}}}",
        "{x: {_target_: 5}}",
        "{x: {_target_: '${nowhere}'}}",
        '{x: {_target_: "\\\\${y}"}, y: os.system}',
    ],
)
def test_a_target_is_found_however_it_is_hidden(text: str):
    with pytest.raises(UserError, match=r"_target_"):
        check_targets(OmegaConf.create(text))


def test_a_config_that_refers_to_itself_is_checked_once():
    config = OmegaConf.create({"a": "${b}", "b": {"c": "${a}", "x": {"_target_": "os.system"}}})
    with pytest.raises(UserError, match=r"os\.system"):
        check_targets(config)


@pytest.mark.parametrize("value", [r"\${oc.create:'{_target_: os.system}'}", r"\${y}"])
def test_an_interpolation_that_only_resolves_later_is_refused(value: str):
    config = OmegaConf.create({"x": {"_target_": "torch.nn.Sequential", "_args_": [value]}, "y": {"z": 1}})
    with pytest.raises(UserError, match="must not be escaped"):
        instantiate(config.x)


def test_what_is_allowed_is_built_as_by_hydra():
    config = OmegaConf.create({"p": 0.25, "x": {"_target_": "torch.nn.Dropout", "p": "${p}"}})
    assert instantiate(config.x).p == 0.25
    assert instantiate({"_target_": "torch.nn.Dropout", "_partial_": True})(p=0.5).p == 0.5
    assert instantiate(config.x, p=0.75).p == 0.75
    assert instantiate(None) is None


@pytest.mark.parametrize("key", [" _target_", "_target_ ", "_TARGET_", "_Target_", "__target__", "_call_"])
def test_only_hydras_own_key_builds_something(tmp_path: Path, key: str):
    built = instantiate({key: "os.mkdir", "path": str(tmp_path / "mark")}, _convert_="all")
    assert built == {key: "os.mkdir", "path": str(tmp_path / "mark")}
    assert not (tmp_path / "mark").exists()


def test_a_package_is_trusted_by_name_and_only_that(monkeypatch: pytest.MonkeyPatch):
    config = {"_target_": "tests.sweep.faults.Fault", "how": "none"}
    with pytest.raises(UserError, match="trust=tests"):
        instantiate(config)
    trust("tests")
    trust("other:more")
    assert trusted() == ["tests", "other", "more"]
    assert os.environ["CNNLAB_TRUST"] == "tests,other,more"  # for workers and jobs
    assert type(instantiate(config)).__name__ == "Fault"
    for target in ("testsuite.x", "tests_more.X", "os.system", "hydra.tests.X"):
        with pytest.raises(UserError, match="is not allowed"):
            check_targets({"_target_": target})


@pytest.mark.parametrize("target", ["tests.sweep.faults.os.system", "tests.sweep.faults.signal.raise_signal"])
def test_what_a_trusted_package_imports_is_not_trusted_with_it(target: str):
    trust("tests")
    check_targets({"_target_": target})  # the name alone does not show it
    with pytest.raises(UserError, match="is not allowed"):
        instantiate({"_target_": target})


@pytest.mark.parametrize(
    "package",
    [
        *("torch", "torch.hub", "torch.load", "lightning", "lightning.pytorch.cli", "cnnlab", "cnnlab.files", "hydra"),
        *("optuna", "pytorch_optimizer", "builtins", "os", "importlib", "hydra_plugins"),
        *("hydra_plugins.cnnlab_plugins", "mine,torch", "mine:os"),
    ],
)
def test_a_library_that_the_list_has_in_part_is_never_trusted_as_a_whole(package: str, monkeypatch: pytest.MonkeyPatch):
    """All of torch is torch.load, all of hydra hydra.utils.get_method, all of cnnlab its ways to write files."""
    with pytest.raises(UserError, match=rf"^trust={package} is not allowed: .*trust"):
        trust(package)
    assert trusted() == []
    monkeypatch.setenv("CNNLAB_TRUST", package)
    with pytest.raises(UserError, match=rf"^CNNLAB_TRUST={package} is not allowed: "):
        check_targets({"_target_": "torch.load"})


def test_the_libraries_that_the_list_has_in_part_are_known():
    modules = [family.module.replace("\\", "") for family in FAMILIES] + [name for name in NAMES if "." in name]
    assert {name.partition(".")[0] for name in modules} - {"hydra_plugins"} == set(LISTED_IN_PART)


@pytest.mark.parametrize(
    "target",
    ["torch.load", "torch.hub.load", "lightning.pytorch.cli.LightningCLI", "hydra.utils.get_method"],
)
def test_nobody_is_advised_to_trust_a_library_as_a_whole(target: str):
    library = target.partition(".")[0]
    with pytest.raises(UserError, match=r"use it in code of your own, and trust that: trust=mypackage$") as error:
        check_targets({"model": {"_target_": target}})
    assert f"trust={library}" not in str(error.value)


def test_a_plugin_is_trusted_by_its_own_name():
    config = {"hydra": {"launcher": {"_target_": "hydra_plugins.joblib_launcher.JoblibLauncher"}}}
    with pytest.raises(UserError, match=r"add trust=hydra_plugins\.joblib_launcher to the command"):
        check_targets(config)
    trust("hydra_plugins.joblib_launcher")
    check_targets(config)


@pytest.mark.parametrize("target", ["torch.nn.Nothing", "lightning.pytorch.callbacks.Nothing", "cnnlab.nn.Nothing"])
def test_a_name_that_does_not_exist_comes_with_its_whole_key(target: str):
    with pytest.raises(UserError, match=rf"^callbacks\.foo\.x\.0\._target_={target} does not exist; correct its name$"):
        instantiate({"x": [{"_target_": target}]}, "callbacks.foo")


@pytest.mark.parametrize("packages", ["", "/tmp/x", "a b.", "..", "*", "x-y", ","])
def test_only_names_of_packages_can_be_trusted(packages: str):
    with pytest.raises(UserError, match=r"trust=.* is not allowed"):
        trust(packages)


@pytest.mark.parametrize(
    "name",
    [
        *("AWS_SECRET_ACCESS_KEY", "WANDB_API_KEY", "GITHUB_TOKEN", "MLFLOW_TRACKING_PASSWORD", "PATH", "LR"),
        *("CNNLAB_SEARCH", "CNNLAB_TOKEN", "SSH_AUTH_SOCK"),
    ],
)
def test_a_config_reads_no_environment_variable_that_is_not_listed(name: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv(name, "hunter2")
    for text in (f"${{oc.env:{name}}}", f"${{oc.env:{name},default}}", f"x-${{oc.env: {name} }}"):
        with pytest.raises(OmegaConfBaseException) as error:
            OmegaConf.to_container(OmegaConf.create({"x": text}), resolve=True)
        line = str(users_mistake(error.value))
        assert f"set CNNLAB_TRUST_ENV={name}" in line
        assert "hunter2" not in line
    monkeypatch.setenv("CNNLAB_TRUST_ENV", f"OTHER,{name}")
    assert OmegaConf.create({"x": f"${{oc.env:{name}}}"}).x == "hunter2"


def test_listed_variables_are_read_as_omegaconf_reads_them(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("CNNLAB_DATA_DIR", "/data")
    monkeypatch.delenv("SLURM_JOB_ID", raising=False)
    config = OmegaConf.create(
        {"a": "${oc.env:CNNLAB_DATA_DIR,data}", "b": "${oc.env:SLURM_JOB_ID,5}", "c": "${oc.env:SLURM_JOB_ID,null}"}
    )
    assert (config.a, config.b, config.c) == ("/data", "5", None)
    with pytest.raises(OmegaConfBaseException, match="'SLURM_JOB_ID' not found"):
        _ = OmegaConf.create({"a": "${oc.env:SLURM_JOB_ID}"}).a


def test_a_variable_that_the_user_types_may_be_read(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("LR", "0.1")
    trust_typed_variables(["optimizer.lr=${oc.decode:${oc.env:LR}}", "seed=1"])
    assert OmegaConf.create({"x": "${oc.decode:${oc.env:LR}}"}).x == 0.1


def test_nothing_else_builds_from_a_config():
    """Hydra's own functions are called in one file, which checks first."""
    calls = []
    for path in (REPOSITORY / "src").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.ImportFrom | ast.Import) else []
            module = str(node.module) if isinstance(node, ast.ImportFrom) else ""
            if module == "hydra.utils" or "hydra.utils" in names or ("instantiate" in names and "hydra" in module):
                calls.append(path.name)
    assert calls == ["targets.py"]


def test_the_check_before_a_run_imports_nothing():
    before = set(sys.modules)
    with pytest.raises(UserError):
        check_targets({"_target_": "antigravity.webbrowser.open"})
    assert set(sys.modules) == before


def test_the_exploits_of_these_tests_work_where_they_are_not_refused(tmp_path: Path):
    class Exploit:
        def __reduce__(self) -> tuple[Any, ...]:
            return os.mkdir, (str(tmp_path / "pickle"),)

    (tmp_path / "evil.pt").write_bytes(pickle.dumps(Exploit()))
    hydra.utils.instantiate({"_target_": "os.mkdir", "path": str(tmp_path / "call")})
    with pytest.raises(Exception, match=r"magic number|Invalid"):
        torch.load(tmp_path / "evil.pt", weights_only=False)
    assert (tmp_path / "call").is_dir()
    assert (tmp_path / "pickle").is_dir()


@pytest.mark.parametrize("target", ["os.system", "builtins.exec", "subprocess.run"])
def test_nobody_is_advised_to_trust_the_standard_library(target: str):
    with pytest.raises(UserError) as error:
        check_targets({"model": {"_target_": target}})
    assert "is not allowed" in str(error.value)
    assert "trust" not in str(error.value)


def test_a_part_that_this_version_lacks_is_no_question_of_trust():
    with pytest.raises(
        UserError, match=r"this version of cnnlab has no such part: use the version that wrote the conf"
    ):
        check_targets({"scheduler": {"_target_": "cnnlab.training.scheduler.constant"}})

from pathlib import Path

import pytest
from omegaconf import DictConfig

from cnnlab.errors import UserError
from cnnlab.experiment.identity import fingerprint
from cnnlab.experiment.loggers import active_loggers, check_loggers, nest_overrides
from cnnlab.run.flags import CommandLine
from cnnlab.run.resume import expand_resume

LIGHTNING = "lightning.pytorch.loggers"


def targets(config: DictConfig) -> dict[str, str]:
    return {name: logger._target_.rpartition(".")[2] for name, logger in active_loggers(config).items()}


@pytest.mark.parametrize(
    ("overrides", "expected"),
    [
        ([], {"tensorboard": "RunFolderTensorBoard"}),
        (["logger=tensorboard"], {"tensorboard": "RunFolderTensorBoard"}),
        (["logger=[tensorboard,wandb]"], {"tensorboard": "RunFolderTensorBoard", "wandb": "WandbLogger"}),
        (
            ["logger=[mlflow,wandb,tensorboard]"],
            {"mlflow": "MLFlowLogger", "wandb": "WandbLogger", "tensorboard": "RunFolderTensorBoard"},
        ),
        (["logger=[]"], {}),
        (["logger=none"], {}),
        (["logger=[none,mlflow]"], {"mlflow": "MLFlowLogger"}),
        (["~logger"], {}),
        (["logger.tensorboard=null"], {}),
        (["~logger.tensorboard"], {}),
        (
            [f"+logger.csv._target_={LIGHTNING}.CSVLogger"],
            {"tensorboard": "RunFolderTensorBoard", "csv": "CSVLogger"},
        ),
    ],
)
def test_a_run_has_the_loggers_that_are_chosen(compose_run, overrides: list[str], expected: dict[str, str]):
    config = compose_run(*overrides)
    assert targets(config) == expected
    assert fingerprint(config) == fingerprint(compose_run())


def test_a_value_of_one_of_several_loggers_is_set_under_its_name(compose_run):
    config = compose_run("logger=[tensorboard,wandb]", "logger.wandb.project=x", "+logger.wandb.entity=us")
    assert (config.logger.wandb.project, config.logger.wandb.entity) == ("x", "us")
    assert list(config.logger.tensorboard) == ["_target_"]


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (
            ["logger=wandb", "+logger.log_model=true"],
            "logger.log_model=true is not a logger; a logger's values are under its name: logger.wandb.log_model=true",
        ),
        (
            ["logger=none", f"+logger._target_={LIGHTNING}.CSVLogger"],
            f"logger._target_={LIGHTNING}.CSVLogger is not a logger; a logger's values are under its name: "
            f"logger.<name>._target_={LIGHTNING}.CSVLogger",
        ),
        (
            ["+logger.tags.a=1"],
            "logger.tags is not a logger, since it has no _target_; a logger's values are under its name: "
            "logger.tensorboard.tags.…",
        ),
        (
            ["logger=wandb", "logger.wandb.log_model=yes"],
            "logger.wandb.log_model=yes is not allowed; it must be true, false or all",
        ),
        (
            ["logger=mlflow", "+logger.mlflow.save_dir=x", "logger.mlflow.tracking_uri=sqlite:///y.db"],
            "logger.mlflow.save_dir=x has no effect with logger.mlflow.tracking_uri=sqlite:///y.db; remove it, or set "
            "logger.mlflow.tracking_uri=null",
        ),
    ],
)
def test_what_would_be_ignored_is_one_clear_line(compose_run, monkeypatch, overrides: list[str], message: str):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: name)
    with pytest.raises(UserError) as error:
        check_loggers(compose_run(*overrides))
    assert str(error.value) == message


@pytest.mark.parametrize(
    "argument",
    ["save_dir=x", "name=x", "version=x", "default_hp_metric=true", "log_graph=true", "prefix=x", "sub_dir=x"],
)
def test_tensorboards_arguments_without_effect_are_one_line(compose_run, argument: str):
    with pytest.raises(UserError, match=rf"logger\.tensorboard\.{argument} has no effect: the events are in the run"):
        check_loggers(compose_run(f"+logger.tensorboard.{argument}"))
    check_loggers(compose_run("+logger.tensorboard.flush_secs=5"))


@pytest.mark.parametrize(
    ("choice", "missing"), [("mlflow", "mlflow"), ("wandb", "wandb"), ("[tensorboard,wandb]", "wandb")]
)
def test_each_logger_whose_package_is_missing_says_how_to_install_it(
    compose_run, choice: str, missing: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(UserError) as error:
        check_loggers(compose_run(f"logger={choice}"))
    assert str(error.value) == (
        f'logger={missing} needs the package {missing}; install it: pip install -e ".[{missing}]"'
    )


def test_overrides_from_before_loggers_had_names_are_for_the_logger_that_counted():
    assert nest_overrides(["logger=wandb", "logger.project=x", "+logger.tags=[a]", "seed=1"]) == [
        "logger=wandb", "logger.wandb.project=x", "+logger.wandb.tags=[a]", "seed=1",
    ]  # fmt: skip
    assert nest_overrides(["++logger.a=1"]) == ["++logger.tensorboard.a=1"]
    assert nest_overrides(["logger=[tensorboard,wandb]", "~logger.project"])[1] == "~logger.wandb.project"


@pytest.mark.parametrize(
    ("recorded", "override"), [("{_target_: a.B, project: x}", "logger.wandb.project=x"), ("{}", "logger.project=x")]
)
def test_an_older_run_with_a_loggers_value_resumes(tmp_path: Path, recorded: str, override: str):
    (tmp_path / ".hydra").mkdir()
    (tmp_path / ".hydra" / "overrides.yaml").write_text("[logger=wandb, logger.project=x]")
    (tmp_path / ".hydra" / "config.yaml").write_text(f"logger: {recorded}")
    assert expand_resume(CommandLine({}, [f"resume={tmp_path}"])).overrides[:2] == ["logger=wandb", override]

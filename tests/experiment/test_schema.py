import pytest
from hydra.types import RunMode
from omegaconf import OmegaConf

from cnnlab.errors import UserError
from cnnlab.experiment.schema import RULES, check_values
from tests.conftest import REPOSITORY

# Lightning's, or torch's, arguments that no option gives, but a user may; and those that are null until given
MAY_BE_GIVEN = {
    *("model.channels_last", "report.margin", "report.baseline", "tuning.record", "tuning.space"),
    *("loss.reduction", "trainer.max_steps", "trainer.max_time", "trainer.val_check_interval"),
    *("trainer.check_val_every_n_epoch", "trainer.num_nodes", "trainer.gradient_clip_val", "model.stem"),
    *("trainer.overfit_batches", "trainer.strategy", "trainer.profiler", "trainer.min_epochs", "trainer.min_steps"),
    *("trainer.benchmark", "trainer.detect_anomaly", "trainer.inference_mode", "trainer.sync_batchnorm"),
    *("hydra.launcher.n_jobs", "hydra.launcher.timeout_s", "hydra.sweeper.storage", "data.pixel_order_seed"),
    "hydra.launcher.jobs_per_gpu",
    "hydra.output_subdir",
    *("hydra.launcher.account", "hydra.launcher.constraint", "hydra.launcher.partition", "hydra.launcher.qos"),
}
OPTIONS = (
    "model=cnn",
    "model=compact",
    "activation=leaky_relu",
    "activation=elu",
    "pool=stride",
    "scheduler=onecycle",
    "scheduler=cosine",
    "scheduler=step",
    "augmentation=affine",
    "averaging=ema",
    "callbacks=full",
    "callbacks=snapshots",
)


def hydra_part(group: str, option: str):
    """A launcher's or sweeper's values, as they stand in a composed config."""
    values = OmegaConf.load(REPOSITORY / "conf" / "hydra" / group / f"{option}.yaml")
    return OmegaConf.create({"sweep": {"name": "a"}, "hydra": {group: values, "sweep": {"dir": "b"}}})


def test_every_rule_is_about_a_value_that_some_option_has_and_allows_it(compose_run):
    hydras = [hydra_part("launcher", "local"), hydra_part("launcher", "slurm"), hydra_part("sweeper", "optuna")]
    configs = [compose_run(), *(compose_run(option) for option in OPTIONS), *hydras]
    for key, rule in RULES.items():
        values = [value for config in configs if (value := OmegaConf.select(config, key)) is not None]
        assert bool(values) == (key not in MAY_BE_GIVEN), key
        assert all(rule.holds(value) for value in values), key


def test_null_is_allowed_where_it_means_something():
    assert RULES["trainer.gradient_clip_val"].holds(None)
    assert RULES["trainer.max_time"].holds(None)
    assert not RULES["optimizer.lr"].holds(None)


@pytest.mark.parametrize("value", ["../../x", "a/b"])
def test_a_text_that_is_no_number_is_not_said_to_be_one_in_quotes(value: str):
    with pytest.raises(UserError) as refused:
        check_values(OmegaConf.create({"sweep": {"name": value}}))
    assert str(refused.value) == f"sweep.name={value} is not allowed; it must be null or a name, of one folder"


def test_our_launchers_keys_are_checked_and_those_of_other_packages_are_not():
    config = OmegaConf.create({"hydra": {"launcher": {"_target_": "hydra_plugins.joblib.Launcher", "n_jobs": -1}}})
    check_values(config)
    config.hydra.launcher._target_ = "hydra_plugins.cnnlab_plugins.local.LocalLauncher"
    with pytest.raises(
        UserError, match=r"hydra\.launcher\.n_jobs=-1 is not allowed; it must be null or an integer >= 1"
    ):
        check_values(config)


def test_a_single_run_or_a_job_has_neither_launcher_nor_sweeper():
    config = hydra_part("sweeper", "optuna")
    config.sweep.name = None  # of which the study's name is made
    with pytest.raises(UserError, match=r"hydra\.sweeper\.study_name=null"):
        check_values(config)
    config.hydra.mode = RunMode.RUN
    check_values(config)

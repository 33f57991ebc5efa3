from omegaconf import OmegaConf

from cnnlab.experiment.schema import RULES

# Lightning's, or torch's, arguments that no option gives, but a user may; and those that are null until given
MAY_BE_GIVEN = {
    *("loss.reduction", "trainer.max_steps", "trainer.max_time", "trainer.val_check_interval"),
    *("trainer.check_val_every_n_epoch", "trainer.num_nodes", "trainer.gradient_clip_val", "model.stem"),
    "sweep.name",
}
OPTIONS = (
    "model=cnn",
    "model=compact",
    "activation=leaky_relu",
    "activation=elu",
    "scheduler=onecycle",
    "scheduler=cosine",
    "scheduler=step",
    "augmentation=affine",
    "averaging=ema",
)


def test_every_rule_is_about_a_value_that_some_option_has_and_allows_it(compose_run):
    configs = [compose_run(), *(compose_run(option) for option in OPTIONS)]
    for key, rule in RULES.items():
        values = [value for config in configs if (value := OmegaConf.select(config, key)) is not None]
        assert bool(values) == (key not in MAY_BE_GIVEN), key
        assert all(rule.holds(value) for value in values), key


def test_null_is_allowed_where_it_means_something():
    assert RULES["trainer.gradient_clip_val"].holds(None)
    assert RULES["trainer.max_time"].holds(None)
    assert not RULES["optimizer.lr"].holds(None)

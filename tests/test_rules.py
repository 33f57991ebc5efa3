from omegaconf import OmegaConf

from cnnlab.rules import RULES


def test_every_rule_is_about_a_key_that_some_option_has_or_may_be_given(compose_run):
    options = (
        "model=cnn",
        "activation=leaky_relu",
        "activation=elu",
        "scheduler=onecycle",
        "scheduler=cosine",
        "scheduler=step",
    )
    configs = [compose_run(), *(compose_run(option) for option in options)]
    given = {
        *("loss.reduction", "trainer.max_steps", "trainer.max_time", "trainer.val_check_interval"),
        *("trainer.check_val_every_n_epoch", "trainer.num_nodes"),
    }
    missing = object()
    unknown = [
        key for key in RULES if all(OmegaConf.select(config, key, default=missing) is missing for config in configs)
    ]
    assert {*unknown, "trainer.gradient_clip_val"} == given | {"trainer.gradient_clip_val"}


def test_the_default_of_every_option_passes(compose_run):
    for key, rule in RULES.items():
        value = OmegaConf.select(compose_run("model=cnn"), key)
        assert value is None or rule.holds(value), key

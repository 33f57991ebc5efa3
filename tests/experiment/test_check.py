from pathlib import Path

import pytest
from omegaconf import OmegaConf

from cnnlab.errors import UserError
from cnnlab.experiment.check import check


def refusal(config, *overrides: str) -> str:
    with pytest.raises(UserError) as error:
        check(config, {}, list(overrides))
    assert "\n" not in str(error.value)
    return str(error.value)


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("seed=-1", "seed=-1 is not allowed; it must be an integer >= 0"),
        ("seed=1.5", "seed=1.5 is not allowed"),
        ("select=first", "select=first is not allowed; it must be last or best"),
        ("watch=train", "it must be val or test"),
        ("console=loud", "it must be auto or bar or lines or lecture or none"),
        ("objective=test/acc", "it must be val/loss or val/acc"),
        ("data.batch_size=0", "data.batch_size=0 is not allowed; it must be an integer >= 1"),
        ("data.batch_size=many", "data.batch_size=many is not allowed"),
        ("data.batch_size=true", "data.batch_size=true is not allowed"),
        ("data.std=0", "it must be a number > 0"),
        ("data.num_val=60000", "mnist has 60000 training images, so it must be an integer from 0 to 59999"),
        ("data.num_val=-1", "data.num_val=-1 is not allowed"),
        ("data.pixel_order_seed=-1", "data.pixel_order_seed=-1 is not allowed; it must be null or an integer >= 0"),
        ("data.pixel_order_seed=0 augmentation=shift", "data.pixel_order_seed=0 is not allowed with an augmentation"),
        ("data.fallback=cifar", "data.fallback=cifar is not allowed; for data=mnist choose from mnist_5k, null"),
        ("optimizer.lr=-1", "optimizer.lr=-1 is not allowed; it must be a number > 0"),
        ("optimizer.lr=nan", "optimizer.lr=nan is not allowed"),
        ("optimizer.lr=null", "optimizer.lr=null is not allowed"),
        ("optimizer.weight_decay=-0.1", "it must be a number >= 0"),
        ("optimizer.momentum=1", "it must be a number >= 0 and < 1"),
        ("model.dropout=1", "it must be a number >= 0 and < 1"),
        ("loss.label_smoothing=1.5", "it must be a number >= 0 and < 1"),
        ("trainer.max_epochs=x", "trainer.max_epochs=x is not allowed; it must be an integer >= 1"),
        ("trainer.max_epochs=0", "trainer.max_epochs=0 is not allowed"),
        ("trainer.limit_train_batches=0", "it must be a number of batches >= 1, or a fraction up to 1.0"),
        ("trainer.limit_val_batches=1.5", "it must be a number of batches, or a fraction from 0.0 to 1.0"),
        ("trainer.gradient_clip_val=-1", "it must be null or a number > 0"),
        ("trainer.deterministic=x", "it must be true or false or warn"),
        ("+trainer.max_steps=5", "trainer.max_steps=5 is not allowed; it must be -1"),
        ("+trainer.num_nodes=2", "trainer.num_nodes=2 is not allowed; it must be 1"),
        ("data.root=", "data.root= is not allowed; it must be the path of a folder"),
        ("data.root=null", "data.root=null is not allowed"),
        ("data.num_train=-1", "data.num_train=-1 is not allowed; it must be an integer >= 2"),
        ("data.classes=[a,b]", "it must be a list of 10 different names"),
        ("data.classes=null", "data.classes=null is not allowed"),
        ("data.classes=[a,a]", "it must be a list of different names"),
        ("data.num_classes=5", "data.num_classes=5, so it must be a list of 5 different names"),
        ("data.num_classes=1", "data.num_classes=1 is not allowed; it must be an integer >= 2"),
        ("data.image_shape=[28,28]", "it must be channels, height and width: three integers >= 1"),
        ("data.image_shape=[1,0,28]", "data.image_shape=[1, 0, 28] is not allowed"),
        ("data.image_shape=28", "data.image_shape=28 is not allowed"),
        ("model.num_classes=12", "it must equal data.num_classes=10"),
        ("model.image_shape=[1,32,32]", "it must equal data.image_shape=[1, 28, 28]"),
        ("data.image_shape=[1,32,32]", "mnist_5k is not allowed: it has image_shape=[1, 28, 28]"),
        ("pool.kernel_size=3", "pool.kernel_size=3 is not allowed; it must be 2, for which"),
        ("pool.kernel_size=1", "pool.kernel_size=1 leaves the image as it is; add pool.stride=2, or choose pool=str"),
        ("pool=stride pool.stride=1", "pool.stride=1 is not allowed; it must be null or 2, for which the networks"),
        ("model=cnn model.batch_norm=maybe", "model.batch_norm=maybe is not allowed; it must be true or false"),
        ("scheduler=step scheduler.milestones=[0.8,0.2]", "it must be ascending fractions, such as [0.5,0.75]"),
        ("callbacks.pictures.num_mistakes=x", "it must be an integer >= 1"),
        ("+loss.reduction=none", "loss.reduction=none is not allowed; it must be mean"),
        ("seed=null", "seed=null is not allowed"),
        ("+bogus=1", "bogus is not a key of this config and has no effect"),
        ("~optimizer", "optimizer is missing or not a config group"),
        ("+data.num_workers=4", "data.num_workers has no effect: the images stay on the device"),
        ("+data.pin_memory=true", "batches are cut from them without workers; remove it"),
        ("+data.batchsize=4", "data.batchsize is not a key of data and has no effect; did you mean data.batch_size?"),
        ("+sweep.nmae=a", "sweep.nmae is not a key of sweep and has no effect; did you mean sweep.name?"),
        ("+averaging.decay=0.9", "averaging.decay=0.9 has no effect: averaging names no class (_target_)"),
        ("+augmentation.degrees=9", "augmentation.degrees=9 has no effect: augmentation names no class"),
        ("~optimizer._target_", "optimizer names no class (_target_); choose an option: optimizer=…"),
        ("~optimizer.lr", "optimizer.lr is missing; set it, such as +optimizer.lr=…"),
        ("~trainer.max_epochs", "trainer.max_epochs is missing"),
        ("~data.batch_size", "data.batch_size is missing"),
        ("~seed", "seed is missing"),
        ("+experiment.optimizer.lr=1", 'needs the first line "# @package _global_"'),
        ("+sweep.hydra.mode=x", "sweep.hydra has no effect: the chosen file of conf/sweep/ needs the first line"),
        ("+experiment.foo=1", "experiment is not a key of this config and has no effect"),
        ("scheduler._target_=torch.optim.lr_scheduler.ReduceLROnPlateau", "gets the optimiser and the number of steps"),
        ("scheduler._target_=torch.optim.lr_scheduler.StepLR", "only CosineAnnealingLR and PolynomialLR take"),
    ],
)
def test_a_wrong_value_is_refused_with_what_is_allowed(compose_run, override: str, message: str):
    assert message in refusal(compose_run(*override.split()))


def test_the_defaults_of_every_option_pass(compose_run):
    for option in ("", "model=cnn", "model=mlp", "scheduler=onecycle", "scheduler=warmup_cosine", "experiment=lecture"):
        check(compose_run(*filter(None, [option])), {}, [])


def test_a_root_that_is_a_file_is_refused(compose_run, tmp_path: Path):
    (tmp_path / "file").touch()
    assert "is a file; it must be a folder" in refusal(compose_run(f"data.root={tmp_path / 'file'}"))
    check(compose_run(f"data.root={tmp_path / 'absent'}"), {}, [])


@pytest.mark.parametrize(
    ("model", "override", "layer"),
    [
        ("softmax_regression", "pool=avg", "pool"),
        ("softmax_regression", "activation=tanh", "activation"),
        ("mlp", "pool=max", "pool"),
        ("mlp", "pool.kernel_size=2", "pool"),
    ],
)
def test_an_option_that_the_model_does_not_use_is_refused(compose_run, model: str, override: str, layer: str):
    message = refusal(compose_run(f"model={model}", override), f"model={model}", override)
    assert message.startswith(f"{override} has no effect: ")
    assert f"has no {layer} layer" in message


def test_an_experiment_cannot_choose_it_either(compose_run):
    with pytest.raises(UserError, match=r"pool=avg, chosen by a config file, has no effect: MLP has no pool layer"):
        check(compose_run("model=mlp", "pool=avg"), {"logger": "none", "pool": "avg"}, [])


def test_nothing_is_selected_on_the_test_set(compose_run):
    assert "nothing is selected on the test set" in refusal(compose_run("select=best", "watch=test"))
    assert "select=best needs validation images" in refusal(compose_run("select=best", "data.num_val=0"))
    assert "select=best needs validation" in refusal(compose_run("select=best", "trainer.limit_val_batches=0"))


def test_a_key_that_another_value_refers_to_is_read(compose_run):
    check(compose_run("+data.side=28", "data.image_shape=[1,'${data.side}','${..side}']"), {}, [])


def test_an_objective_or_target_that_is_asked_for_is_measured(compose_run):
    for override in ("objective=val/loss", "objective=seconds_to_target", "target=0.9"):
        for without in ("data.num_val=0", "watch=test", "trainer.limit_val_batches=0"):
            message = refusal(compose_run(override, without), override, without)
            assert message.startswith(f"{override} needs validation, which this config does not have")
        check(compose_run(override), {}, [override])
    check(compose_run("experiment=lecture"), {}, ["experiment=lecture"])


def test_an_axis_that_an_experiment_chose_for_another_model_is_named(compose_run):
    config = compose_run("experiment=speedrun", "model=softmax_regression")
    chosen = {"logger": "tensorboard", "activation": "silu", "experiment": "speedrun"}
    with pytest.raises(UserError, match=r"activation=silu, chosen by experiment=speedrun, .*; add activation=relu, or"):
        check(config, chosen, ["experiment=speedrun", "model=softmax_regression"])
    typed = ["experiment=speedrun", "model=softmax_regression", "activation=relu"]
    check(compose_run(*typed), {**chosen, "activation": "relu"}, typed)


@pytest.mark.parametrize("key", ["experiment.optimizer", "sweep.optimizer"])
def test_a_file_without_its_header_is_not_silent(compose_run, key: str):
    assert f"{key} has no effect" in refusal(compose_run(f"+{key}.lr=0.1"))


@pytest.mark.parametrize(
    ("overrides", "key"),
    [
        (("model=compact", "+model.width=2"), "width=2"),
        (("model=compact", "+model.depth=3"), "depth=3"),
        (("model=cnn", "+model.channels=[2,2]", "~model.depth"), "width=32"),
    ],
)
def test_a_depth_or_width_beside_the_channels_is_refused(compose_run, overrides: tuple[str, ...], key: str):
    assert f"model.{key} has no effect: model.channels lists" in refusal(compose_run(*overrides))
    check(compose_run("model=cnn", "+model.channels=[2,2]", "~model.depth", "~model.width"), {}, [])


@pytest.mark.parametrize("key", ["data.root", "data.files.folder", "callbacks.kept.filename"])
def test_a_text_that_no_system_call_takes_is_refused(compose_run, key: str):
    config = compose_run("+callbacks.kept={_target_: lightning.pytorch.callbacks.ModelCheckpoint, filename: x}")
    OmegaConf.update(config, key, "a\0b")
    assert refusal(config) == f"{key}='a\\x00b' is not allowed; it must not have the character NUL"

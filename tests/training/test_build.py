import shutil
from pathlib import Path

import pytest
import torch
from omegaconf import DictConfig

from cnnlab.errors import UserError
from cnnlab.training.build import build_callbacks, build_classifier, build_trainer
from cnnlab.training.loggers import build_loggers


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("trainer.precision=7", "trainer: Precision 7 is invalid"),
        ("trainer=gpu", "trainer: `CUDAAccelerator` can not run on your system"),
        ("trainer.limit_train_batches=-3", "trainer: You have passed invalid value -3 for limit_train_batches"),
        ("+trainer.epochs=3", "trainer: .* unexpected keyword argument 'epochs'"),
    ],
)
def test_what_lightning_refuses_is_the_users_mistake(compose_run, tmp_path: Path, override: str, message: str):
    if override == "trainer=gpu" and torch.cuda.is_available():
        pytest.skip("there is a GPU")
    with pytest.raises(UserError, match=message):
        build_trainer(compose_run(override), tmp_path, [], None)


def test_what_a_network_refuses_is_too(compose_run):
    with pytest.raises(UserError, match=r"^model\.depth is not an argument of cnnlab\.nn\.LectureNet; its"):
        build_classifier(compose_run("+model.depth=3"))


def test_a_bug_of_ours_is_not(compose_run, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("cnnlab.nn.LectureNet.__init__", lambda self, **parts: parts["no such part"])
    with pytest.raises(Exception, match="no such part") as error:
        build_classifier(compose_run())
    assert not isinstance(error.value, UserError)


def test_initial_weights_are_a_function_of_the_seed(compose_run):
    first = [
        build_classifier(compose_run(f"seed={seed}", "init=he_normal")).network.layers[0][0].weight
        for seed in (0, 0, 1)
    ]
    assert torch.equal(first[0], first[1])
    assert not torch.equal(first[0], first[2])


def test_nothing_is_logged_and_drawn_unless_requested(compose_run, tmp_path: Path):
    assert build_loggers(compose_run("logger=none"), tmp_path) == []
    assert build_callbacks(compose_run("callbacks=light"), tmp_path) == []
    names = [type(callback).__name__ for callback in build_callbacks(compose_run("callbacks=full"), tmp_path)]
    assert names == ["Pictures", "Diagnostics"]


@pytest.mark.parametrize("model", ["lecture", "cnn", "compact", "mlp", "softmax_regression"])
def test_every_model_takes_the_data_sets_shape_and_number_of_classes(compose_run, model: str):
    config = compose_run(f"model={model}", "data.image_shape=[3,24,32]", "data.num_classes=5")
    assert build_classifier(config)(torch.randn(2, 3, 24, 32)).shape == (2, 5)


def test_a_network_that_the_images_are_too_small_for_says_so_in_one_line(compose_run):
    with pytest.raises(UserError, match=r"^image_shape=\[1, 8, 8\] is too small for LectureNet: .*$"):
        build_classifier(compose_run("data.image_shape=[1,8,8]"))


def test_any_model_can_be_a_committee(compose_run):
    alone = build_classifier(compose_run("model=mlp"))
    together = build_classifier(compose_run("model=mlp", "model.num_members=3"))
    counts = [sum(parameter.numel() for parameter in classifier.parameters()) for classifier in (alone, together)]
    assert counts[1] == 3 * counts[0]
    assert together(torch.randn(4, 1, 28, 28)).shape == (4, 10)


@pytest.mark.parametrize("model", ["lecture", "cnn"])
def test_channels_last_is_the_same_function_of_weights_in_another_order(compose_run, model: str):
    plain = build_classifier(compose_run(f"model={model}"))
    turned = build_classifier(compose_run(f"model={model}", "model.channels_last=true"))
    filters = [weight for weight in turned.parameters() if weight.ndim == 4 and weight.shape[1] > 1]
    assert all(weight.is_contiguous(memory_format=torch.channels_last) for weight in filters)
    assert all(torch.equal(a, b) for a, b in zip(plain.parameters(), turned.parameters(), strict=True))
    images = torch.randn(16, 1, 28, 28)
    torch.testing.assert_close(turned.eval()(images), plain.eval()(images))


@pytest.mark.parametrize(
    ("group", "target"),
    [
        ("model", "cnnlab.nn.Nothing"),
        ("activation", "torch.nn.Nothing"),
        ("loss", "torch.nn.Nothing"),
        ("init", "cnnlab.nn.init.nothing"),
        ("scheduler", "cnnlab.optim.scheduler.nothing"),
    ],
)
def test_a_class_that_does_not_exist_is_named_with_its_group(compose_run, group: str, target: str):
    with pytest.raises(UserError, match=rf"^{group}\._target_={target} does not exist; correct its name$"):
        build_classifier(compose_run(f"{group}._target_={target}"))


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("g++") is None, reason="torch.compile needs a C++ compiler on a CPU")
def test_a_compiled_network_has_the_same_weights_names_and_results(compose_run):
    plain = build_classifier(compose_run("model=softmax_regression"))
    compiled = build_classifier(compose_run("model=softmax_regression", "model.compile=true"))
    assert list(compiled.state_dict()) == list(plain.state_dict())
    images = torch.randn(8, 1, 28, 28)
    assert compiled.network._compiled_call_impl is not None
    torch.testing.assert_close(compiled(images), plain(images))


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (
            ["+optimizer.betas=[0.9]"],
            r"^optimizer\.betas=\[0\.9\] is not allowed; torch\.optim\.Adam takes a list of two",
        ),
        (
            ["+optimizer.betas=[2,0]"],
            r"^optimizer\.betas=\[2,0\] is not allowed: Invalid beta parameter at index 0: 2; c",
        ),
        (["+optimizer.foreach=true"], r"^optimizer\.foreach=true is not allowed: `fused` and `foreach` cannot be"),
        (["optimizer._partial_=false"], r"optimizer gets more arguments from .*; set \+\+optimizer\._partial_=true"),
        (
            ["optimizer._target_=torch.optim.Adm"],
            "^optimizer._target_=torch.optim.Adm does not exist; correct its name",
        ),
    ],
)
def test_what_an_optimiser_refuses_is_the_users_mistake(compose_run, overrides: list[str], message: str):
    with pytest.raises(UserError, match=message):
        make_optimizer(compose_run("optimizer=adam", *overrides))


@pytest.mark.parametrize("keyword", ["betas=[0.5,0.9]", "foreach=false"])
def test_what_an_optimiser_takes_beyond_its_option_is_accepted(compose_run, keyword: str):
    make_optimizer(compose_run("optimizer=schedule_free", f"+optimizer.{keyword}"))


def make_optimizer(config: DictConfig) -> None:
    classifier = build_classifier(config)
    classifier.make_optimizer(classifier.network.parameters())

import logging
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from omegaconf import open_dict

from cnnlab.data import ImageDataModule, Images
from cnnlab.data.module import pixel_order
from cnnlab.errors import UserError
from cnnlab.experiment.check import check
from cnnlab.training.build import build_data


@pytest.fixture
def small(compose_run) -> ImageDataModule:
    data = build_data(compose_run("data=mnist_5k"))
    data.setup()
    return data


def test_the_parts_have_their_sizes_and_are_stratified(small: ImageDataModule):
    assert small.sizes == {"train": 4000, "val": 500, "test": 500}
    for part, per_class in (("train", 400), ("val", 50), ("test", 50)):
        assert small.part(part)[1].bincount().tolist() == [per_class] * 10


def test_pixels_are_normalised(small: ImageDataModule):
    raw = small.files.load()
    images, labels = small.part("test")
    assert images.shape == (500, 1, 28, 28)
    assert images.dtype == torch.float32
    torch.testing.assert_close(images[:, 0], (raw.test_images / 255 - 0.1313) / 0.3086)
    assert torch.equal(labels, raw.test_labels)


def test_the_split_does_not_depend_on_the_seed(compose_run):
    parts = []
    for overrides in (["seed=0"], ["seed=1"], ["seed=0", "data.split_seed=1"]):
        data = build_data(compose_run("data=mnist_5k", *overrides))
        data.setup()
        parts.append(data.part("val")[0])
    assert torch.equal(parts[0], parts[1])
    assert not torch.equal(parts[0], parts[2])


def test_without_validation_images_there_are_no_batches_of_them(compose_run):
    data = build_data(compose_run("data=mnist_5k", "data.num_val=0"))
    data.setup()
    assert data.sizes == {"train": 4500, "val": 0, "test": 500}
    assert len(data.val_dataloader()) == 0
    assert len(data.test_dataloader()) == 1


def test_watching_the_test_set_evaluates_it(compose_run):
    data = build_data(compose_run("data=mnist_5k", "watch=test"))
    data.setup()
    assert torch.equal(next(iter(data.val_dataloader()))[0], data.part("test")[0])


def test_an_order_of_pixels_is_the_same_for_all_images_of_all_parts(compose_run, small: ImageDataModule):
    config = compose_run("data=mnist_5k", "data.pixel_order_seed=3", "seed=1")
    permuted = build_data(config)
    permuted.setup()
    order = pixel_order(3, 28 * 28)
    assert order.sort().values.tolist() == list(range(28 * 28))
    for part in ("train", "val", "test"):
        images, labels = permuted.part(part)
        assert torch.equal(images.flatten(2), small.part(part)[0].flatten(2)[:, :, order])
        assert torch.equal(labels, small.part(part)[1])
    assert not torch.equal(order, pixel_order(4, 28 * 28))


def test_modules_with_other_orders_of_pixels_do_not_share_their_images(compose_run):
    seeds = ("null", "0", "1")
    modules = [build_data(compose_run("data=mnist_5k", f"data.pixel_order_seed={seed}")) for seed in seeds]
    assert len({module.identity for module in modules}) == 3


def test_the_channels_of_a_pixel_stay_together():
    raw = torch.arange(20 * 28, dtype=torch.uint8).view(1, 1, 20, 28).repeat(3, 3, 1, 1)
    data = a_module(a_source(raw, [0, 1, 2]), image_shape=[3, 20, 28], pixel_order_seed=0)
    data.setup()
    images, _ = data.part("test")
    assert torch.equal(images[:, 0], images[:, 1])
    assert images[0, 0].flatten().tolist() != sorted(images[0, 0].flatten().tolist())


def test_a_run_of_before_there_was_an_order_of_pixels_has_its_data(compose_run):
    config = compose_run("data=mnist_5k")
    with open_dict(config):
        del config.data["pixel_order_seed"]
    check(config, {}, [])
    assert build_data(config).pixel_order_seed is None


@pytest.mark.usefixtures("unreachable")
def test_without_network_mnist_falls_back_with_a_warning(compose_run, tmp_path: Path, caplog: pytest.LogCaptureFixture):
    data = build_data(compose_run(f"data.root={tmp_path}"))
    with caplog.at_level(logging.WARNING):
        data.prepare_data()
    data.setup()
    assert data.effective.name == "mnist_5k"
    assert data.sizes == {"train": 4000, "val": 500, "test": 500}
    (record,) = [record for record in caplog.records if record.levelno == logging.WARNING]
    assert (
        "data=mnist is unavailable, so this run uses mnist_5k: 4000 training and 500 test images" in record.getMessage()
    )
    torch.testing.assert_close(data.part("train")[0].mean(), torch.tensor(0.0), atol=0.02, rtol=0)


@pytest.mark.usefixtures("unreachable")
def test_the_fallback_keeps_the_lectures_zero_validation_images(compose_run, tmp_path: Path):
    data = build_data(compose_run("experiment=lecture", f"data.root={tmp_path}"))
    data.prepare_data()
    data.setup()
    assert data.sizes == {"train": 4500, "val": 0, "test": 500}


@pytest.mark.usefixtures("unreachable")
@pytest.mark.parametrize("overrides", [["data.fallback=null"], ["data=fashion_mnist"], ["data=kmnist"]])
def test_without_network_and_fallback_the_error_says_where_to_put_which_files(compose_run, tmp_path: Path, overrides):
    config = compose_run(f"data.root={tmp_path}", *overrides)
    with pytest.raises(UserError) as error:
        build_data(config).prepare_data()
    message = str(error.value)
    assert "train-images-idx3-ubyte" in message
    assert "t10k-labels-idx1-ubyte" in message
    assert config.data.files.folder in message
    assert "CNNLAB_DATA_DIR" in message
    assert "\n" not in message


def test_other_numbers_of_images_than_the_config_says_are_refused(compose_run):
    data = build_data(compose_run("data=mnist_5k", "data.num_train=4000"))
    with pytest.raises(UserError, match=r"4500 training and 500 test images, but data\.num_train=4000"):
        data.setup()


def a_source(images: torch.Tensor, labels: list[int]) -> SimpleNamespace:
    """Ten times these to train, and once to test."""
    test_labels = torch.tensor(labels)
    raw = Images(images.repeat(10, *[1] * (images.ndim - 1)), test_labels.repeat(10), images, test_labels)
    return SimpleNamespace(missing=list, load=lambda expected: raw)


def a_module(files: SimpleNamespace, **facts: Any) -> ImageDataModule:
    sizes = {"num_train": 30, "num_val": 0, "num_test": 3, "batch_size": 8, "eval_batch_size": 8}
    facts = {"image_shape": [1, 20, 28], "num_classes": 3, "classes": ["a", "b", "c"], **facts}
    return ImageDataModule(name="other", files=files, mean=0.5, std=0.25, split_seed=0, seed=0, **sizes, **facts)


@pytest.mark.parametrize("shape", [(20, 28), (1, 20, 28), (3, 32, 32)])
def test_images_have_any_shape_with_or_without_channels(shape: tuple[int, ...]):
    raw = torch.randint(0, 256, (3, *shape), dtype=torch.uint8)
    image_shape = [1, *shape] if len(shape) == 2 else list(shape)
    data = a_module(a_source(raw, [0, 1, 2]), image_shape=image_shape)
    data.setup()
    images, labels = data.part("test")
    torch.testing.assert_close(images, (raw.view(3, *image_shape) / 255 - 0.5) / 0.25)
    assert labels.tolist() == [0, 1, 2]
    assert next(iter(data.train_dataloader()))[0].shape == (8, *image_shape)


@pytest.mark.parametrize("shape", [(28, 20), (3, 20, 28), (28, 28)])
def test_images_of_another_shape_than_the_config_says_are_refused(shape: tuple[int, ...]):
    data = a_module(a_source(torch.zeros(3, *shape, dtype=torch.uint8), [0, 1, 2]))
    found = [1, *shape] if len(shape) == 2 else list(shape)
    with pytest.raises(UserError) as error:
        data.setup()
    assert str(error.value).startswith(f"data=other has images of shape {found} (channels, height, width), but data.")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(("labels", "found"), [([0, 1, 1], "0 to 1"), ([1, 2, 3], "1 to 3"), ([0, 2, 3], "0 to 3")])
def test_labels_of_other_classes_than_the_config_says_are_refused(labels: list[int], found: str):
    data = a_module(a_source(torch.zeros(3, 20, 28, dtype=torch.uint8), labels))
    with pytest.raises(UserError, match=rf"data=other has labels from {found}, but data\.num_classes=3 needs 0 to 2"):
        data.setup()


def test_images_without_a_label_each_are_refused():
    raw = a_source(torch.zeros(3, 20, 28, dtype=torch.uint8), [0, 1, 2]).load(None)
    files = SimpleNamespace(missing=list, load=lambda expected: raw._replace(train_labels=raw.train_labels[1:]))
    with pytest.raises(UserError, match=r"data=other has 30 training images, but 29 labels; correct data\.files"):
        a_module(files).setup()


def test_modules_that_expect_another_shape_or_number_of_classes_do_not_share_images():
    files = a_source(torch.zeros(3, 20, 28, dtype=torch.uint8), [0, 1, 2])
    others = [a_module(files, image_shape=[1, 28, 20]), a_module(files, num_classes=4), a_module(files)]
    assert len({data.identity for data in others}) == 3
    assert a_module(files).identity == others[-1].identity


def test_a_run_does_not_resume_with_another_data_set(small: ImageDataModule):
    state = small.state_dict()
    assert state["name"] == "mnist_5k"
    small.load_state_dict(state)
    with pytest.raises(UserError, match="this run started on mnist, but the data now available is mnist_5k"):
        small.load_state_dict({**state, "name": "mnist"})


def test_a_place_in_an_epoch_is_taken_up_by_the_next_training_batches(small: ImageDataModule):
    batches = small.train_dataloader()
    iterator = iter(batches)
    next(iterator)
    expected = next(iterator)[1]
    state = small.state_dict()
    assert state["place"] == {"epoch": 0, "next_batch": 2}
    small.load_state_dict({**state, "place": {"epoch": 0, "next_batch": 1}})
    assert torch.equal(next(iter(small.train_dataloader()))[1], expected)


@pytest.mark.usefixtures("unreachable")
def test_a_fraction_that_leaves_no_test_batch_of_the_fallback_is_refused_before_the_fit(compose_run, tmp_path: Path):
    data = build_data(compose_run(f"data.root={tmp_path}", "trainer.limit_test_batches=0.1"))
    strategy = SimpleNamespace(root_device="cpu")
    data.trainer = SimpleNamespace(strategy=strategy, limit_test_batches=0.1, global_rank=0, world_size=1)  # type: ignore[assignment]
    data.prepare_data()
    with pytest.raises(UserError, match=r"limit_test_batches=0\.1 leaves no batch of the test set of mnist_5k, which"):
        data.setup()

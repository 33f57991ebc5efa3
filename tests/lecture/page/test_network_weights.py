"""A network's weights and layers as the page's scripts read them."""

import base64
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from cnnlab.errors import UserError
from cnnlab.lecture.network_runs import network_folders
from cnnlab.lecture.page import network_weights
from cnnlab.lecture.page.network_layers import describe
from cnnlab.lecture.page.network_weights import TEXTS, choose_epochs, to_float24, variant
from cnnlab.nn import CNN, Committee, LectureNet
from cnnlab.observe.snapshots import snapshot
from tests.conftest import MNIST
from tests.lecture.page.networks import DATA, HALVED, from_float24, learned, networks

FOLDER = Path("outputs/runs/mine")


@given(st.lists(st.floats(width=32, min_value=-(2.0**127), max_value=2.0**127), min_size=1, max_size=30))
def test_three_bytes_keep_a_number_to_the_nearest_of_their_neighbours(numbers: list[float]):
    exact = np.array(numbers, np.float32)
    rounded = from_float24(to_float24(exact))
    step = (
        np.maximum(np.exp2(np.floor(np.log2(np.maximum(np.abs(exact.astype(np.float64)), 2.0**-126)))), 2.0**-126)
        / 2**15
    )
    assert (np.abs(rounded.astype(np.float64) - exact) <= step / 2).all()


@given(st.binary(min_size=3, max_size=30).filter(lambda content: len(content) % 3 == 0))
def test_numbers_that_fit_into_three_bytes_stay_as_they_are(content: bytes):
    upper = np.frombuffer(content, np.uint8).reshape(-1, 3).copy()
    upper[:, 0] &= 0xBF  # neither infinite nor NaN
    assert to_float24(from_float24(upper.tobytes())) == upper.tobytes()


def test_half_way_the_even_neighbour_is_taken():
    halfway = np.array([0x3F800080, 0x3F800180, 0x3F800181], np.uint32).view(np.float32)
    assert to_float24(halfway).hex() == "3f8000" + "3f8002" + "3f8002"


def test_a_variant_has_the_layers_and_all_weights_of_its_epochs_in_order():
    network = learned()
    first = {name: torch.zeros_like(weight) for name, weight in network.state_dict().items()}
    found = variant("lecture", network, DATA, {0: first, 40: network.state_dict()}, FOLDER, is_first=True)
    assert [layer["type"] for layer in found["layers"]] == [
        "convolution", "pooling", "activation", "convolution", "pooling", "activation", "flatten", "linear",
        "activation", "linear",
    ]  # fmt: skip
    assert found["epochs"] == [0, 40]
    assert found["num_parameters"] == 21_840
    numbers = from_float24(base64.b64decode(found["float24"])).reshape(2, -1)
    assert not numbers[0].any()
    for layer, name in zip([0, 3, 7, 9], ["layers.0.0", "layers.2.0", "layers.6", "layers.9"], strict=True):
        for kind in ("weight", "bias"):
            expected = network.state_dict()[f"{name}.{kind}"].flatten()
            start = found["layers"][layer][kind]
            assert numbers[1][start : start + len(expected)] == pytest.approx(expected.numpy())


@pytest.mark.parametrize(("saved", "size", "is_first", "expected"), [
    (range(41), 21_840, True, list(range(41))),
    (range(11), 21_840, False, [0, 1, 10]),
    (range(41), 21_840, False, [0, 1, 40]),
    ([7], 21_840, False, [7]),
    (range(41), 89_610, True, [0, 4, 9, 13, 18, 22, 27, 31, 36, 40]),
    (range(41), 89_610, False, [40]),
    (range(41), 500_000, False, [40]),
    (range(41), 5_000_000, True, []),
])  # fmt: skip
def test_as_many_epochs_are_shown_as_have_room_with_the_last(
    saved: Any, size: int, is_first: bool, expected: list[int]
):
    assert choose_epochs(list(saved), size, is_first=is_first) == expected


@pytest.mark.parametrize("name", list(networks()))
def test_every_layer_that_the_page_computes_is_described(name: str):
    network = networks()[name]
    layers, order = describe(network, name)
    assert set(order) == set(network.state_dict())
    assert layers[-1]["type"] == "linear"


@pytest.mark.parametrize(("network", "part"), [
    (CNN(nn.ReLU, HALVED, **MNIST, depth=3, width=2), r"BatchNorm2d\(2, .*\), its layer layers.1"),
    (LectureNet(nn.Hardtanh, HALVED, **MNIST), r"Hardtanh\(.*\), its layer layers.1"),
    (LectureNet(nn.ReLU, lambda: nn.MaxPool2d(2, ceil_mode=True), **MNIST), r"MaxPool2d\(.*\), its layer layers.0.1"),
    (nn.Sequential(nn.Conv2d(1, 2, 3, dilation=2)), r"Conv2d\(.*\), its layer 0"),
    (Committee([nn.Flatten(), nn.Flatten()]), "Committee"),
])  # fmt: skip
def test_a_layer_that_the_page_cannot_compute_is_refused_by_name(network: nn.Module, part: str):
    with pytest.raises(
        UserError, match=rf"mine: the page cannot compute {part}.*; allowed are Conv2d, Linear"
    ) as error:
        describe(network, str(FOLDER))
    assert "\n" not in str(error.value)


def test_other_images_too_many_weights_and_infinite_ones_are_refused():
    network = learned()
    weights = network.state_dict()
    coloured = type(DATA)(**{**vars(DATA), "image_shape": [3, 32, 32]})
    coloured.effective = coloured
    with pytest.raises(UserError, match=r"images of \[1, 28, 28\], and this network takes \[3, 32, 32\]"):
        variant("mine", network, coloured, {0: weights}, FOLDER, is_first=True)
    large = nn.Sequential(nn.Flatten(), nn.Linear(784, 1300))
    with pytest.raises(UserError, match="1,020,500 parameters are too many"):
        variant("mine", large, DATA, {0: large.state_dict()}, FOLDER, is_first=True)
    weights["layers.9.bias"][3] = torch.inf
    with pytest.raises(UserError, match="finite"):
        variant("mine", network, DATA, {0: weights}, FOLDER, is_first=True)


@pytest.mark.parametrize(
    ("change", "select", "epochs"), [(0, "last", [0, 3]), (1, "last", [3]), (1, "best", [0, 3]), (None, "last", [3])]
)
def test_of_a_run_that_tests_other_weights_than_it_trains_the_tested_ones_are_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: int | None, select: str, epochs: list[int]
):
    network = nn.Linear(2, 2)
    run = SimpleNamespace(result=lambda: {"epochs": 3}, config=lambda: SimpleNamespace(select=select))
    monkeypatch.setattr(network_weights, "RunFolder", lambda _folder: run)
    if change is not None:
        (tmp_path / "snapshots").mkdir()
        for epoch, added in ((0, 1), (3, change)):
            weights = {name: each + added for name, each in snapshot(network).items()}
            torch.save(weights, tmp_path / "snapshots" / f"epoch_{epoch:03}.pt")
    found = network_weights._snapshots(tmp_path, network)
    assert list(found) == epochs
    if select == "last":
        assert torch.equal(found[3]["weight"], network.weight)


def test_every_variant_of_the_page_has_words():
    texts = yaml.safe_load(TEXTS.read_text(encoding="utf-8"))
    assert list(network_folders(Path(), Path())) == list(texts["variants"])

    def check(node: Any) -> None:
        assert isinstance(node, dict)
        if "en" in node:
            assert set(node) == {"en", "ko"}
            assert all(isinstance(text, str) and text for text in node.values())
            placeholders = [sorted(set(part.split("}")[0] for part in text.split("{")[1:])) for text in node.values()]
            assert placeholders[0] == placeholders[1]
            return
        for child in node.values():
            check(child)

    check(texts)

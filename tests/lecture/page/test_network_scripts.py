"""The scripts of the live network that need no page, in node, against torch, numpy and scipy."""

import json
import shutil
import subprocess
from typing import Any

import numpy as np
import pytest
import torch
from scipy import ndimage
from torch import nn

from cnnlab.lecture.page.network_weights import to_float24, variant
from tests.lecture.page.networks import DATA, PAGE, digits, from_float24, learned, networks, normalised, outputs_of

RUN = """
const [first, ...paths] = process.argv.slice(1);
for (const path of [first, ...paths]) require(path);
const network = globalThis.lectureNetwork;
const given = JSON.parse(require("fs").readFileSync(0, "utf8"));
const answer = (%s)(given);
process.stdout.write(JSON.stringify(answer, (key, value) => (ArrayBuffer.isView(value) ? Array.from(value) : value)));
"""
WEIGHTS = "network.decodeFloat24(network.decodeBytes(given.float24))"


def node(function: str, given: Any) -> Any:
    """What a JavaScript function of `given` returns."""
    program = shutil.which("node")
    if program is None:
        pytest.skip("needs node")
    scripts = [str(PAGE / "scripts" / f"network-{name}.js") for name in ("forward", "image", "unit")]
    done = subprocess.run(
        [program, "-e", RUN % function, *scripts], input=json.dumps(given), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def packed(network: nn.Module) -> dict[str, Any]:
    """A network for the scripts, and rounded to what they get."""
    weights = nn.utils.parameters_to_vector(network.parameters()).detach()
    nn.utils.vector_to_parameters(torch.from_numpy(from_float24(to_float24(weights.numpy()))), network.parameters())
    return variant("any", network, DATA, {0: network.state_dict()}, DATA, is_first=True)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", list(networks()))
def test_every_layer_is_that_of_torch_on_real_digits(name: str):
    network = networks()[name]
    images = digits()[0][[3, 17]]
    given = {**packed(network), "images": images.reshape(2, -1).tolist()}
    function = f"""(given) => given.images.map((pixels) =>
        network.forward(given.layers, {WEIGHTS}, network.normalise(pixels, given)).map(({{ shape, values }}) =>
            ({{ shape, values }})))"""
    found = node(function, given)
    for at, expected in enumerate(zip(*outputs_of(network, normalised(images)), strict=True)):
        assert len(found[at]) == len(expected)
        for layer, exact in zip(found[at], expected, strict=True):
            assert layer["shape"] == list(exact.shape)
            assert layer["values"] == pytest.approx(exact.flatten().numpy(), abs=1e-4)


def test_weights_of_three_bytes_change_no_probability_by_more_than_a_thousandth():
    network = learned()
    images = digits()[0]
    given = {**packed(network), "images": images.reshape(20, -1).tolist()}
    function = f"""(given) => given.images.map((pixels) =>
        network.softmax(network.forward(given.layers, {WEIGHTS}, network.normalise(pixels, given)).at(-1).values))"""
    with torch.no_grad():
        expected = network(normalised(images)).softmax(1).numpy()
    assert np.array(node(function, given)) == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize("name", ["relu", "avg", "strided", "overlapping", "cnn", "mlp"])
def test_a_unit_is_the_sum_of_its_products_and_its_bias_and_its_place_follows_through_pooling(name: str):
    network = networks()[name]
    given = {**packed(network), "image": digits()[0][5].flatten().tolist()}
    function = f"""(given) => {{
      const weights = {WEIGHTS};
      const image = network.normalise(given.image, given);
      const outputs = network.forward(given.layers, weights, image);
      const valueOf = ({{ shape, values }}, [map, row, column]) =>
        shape.length === 1 ? values[map] : values[(map * shape[1] + row) * shape[2] + column];
      return given.layers.flatMap((layer, index) => {{
        if (layer.type === "flatten") return [];
        const {{ shape }} = outputs[index];
        const last = shape.length === 1 ? [shape[0] - 1, 0, 0] : shape.map((size) => size - 1);
        return [[0, 0, 0], last, last.map((size) => Math.floor(size / 2))].map((unit) => {{
          const found = network.selectUnit(given.layers, outputs, image, {{ layer: index, unit }});
          const base = found.units.get(found.base);
          const {{ parts, bias, total }} = network.explain(given.layers, weights, outputs, image, found.base, base);
          const follows = Array.from(found.units, ([at, place]) => [at, valueOf(outputs[at], place)]);
          return {{ index, unit, reached: found.units.get(index), parts, bias, total, follows }};
        }});
      }});
    }}"""
    for found in node(function, given):
        assert found["reached"] == found["unit"]
        products = [product for part in found["parts"] for product in part["products"]]
        assert products == pytest.approx(
            [a * b for part in found["parts"] for a, b in zip(part["window"], part["kernel"], strict=True)]
        )
        assert found["total"] == pytest.approx(sum(products) + found["bias"], abs=1e-9)
        assert found["total"] == pytest.approx(found["follows"][0][1], abs=1e-9)


def centred(image: np.ndarray) -> np.ndarray:
    """MNIST's centring by other means: sums under an interpolated integral, scipy's centre of mass and shift."""
    rows, columns = np.nonzero(image)
    box = image[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
    step = max(box.shape) / 20
    for axis in (0, 1):
        size = box.shape[axis]
        cells = int(np.ceil(size / step - 1e-9))
        integral = np.insert(np.cumsum(box, axis=axis), 0, 0, axis=axis)
        edges = np.minimum(np.arange(cells + 1) * step, size)
        at = np.apply_along_axis(lambda line, e=edges, s=size: np.interp(e, np.arange(s + 1), line), axis, integral)
        box = np.diff(at, axis=axis) / step
    middle = np.array(ndimage.center_of_mass(box))
    out = np.pad(box, ((0, 56), (0, 56)))
    return ndimage.shift(out, np.floor(14 - middle + 0.5), order=0)[:28, :28]


@pytest.mark.parametrize("seed", range(6))
def test_a_drawing_is_centred_as_mnist_was(seed: int):
    random = np.random.default_rng(seed)
    image = np.zeros((112, 112))
    for _ in range(random.integers(1, 5)):
        (top, left), (height, width) = random.integers(0, 90, 2), random.integers(2, 60, 2)
        image[top : top + height, left : left + width] = random.integers(1, 256)
    found = node("(values) => network.centre({ size: 112, values })", image.flatten().tolist())
    assert np.array(found["values"]).reshape(28, 28) == pytest.approx(centred(image), abs=1e-6)


def test_an_image_of_mnist_stays_where_it_is():
    images = digits()[0]
    large = np.kron(images, np.ones((1, 4, 4))).reshape(20, -1)
    found = node("(images) => images.map((values) => network.centre({ size: 112, values }).values)", large.tolist())
    assert np.array(found).reshape(20, 28, 28) == pytest.approx(images, abs=1e-6)


def test_nothing_drawn_is_an_empty_image():
    found = node("() => network.centre(network.drawStrokes([])).values", None)
    assert found == [0] * 784


def test_a_stroke_is_as_wide_as_the_pen_without_gaps_between_its_points():
    drawn = node("(strokes) => network.drawStrokes(strokes)", [[[0.2, 0.3], [0.8, 0.3]], [[0.5, 0.7]]])
    image = np.array(drawn["values"]).reshape(112, 112) / 255
    radius = 0.042 * 112
    assert image[:60, 40:70].sum(axis=0) == pytest.approx(2 * radius, abs=0.6)
    assert image[60:].sum() == pytest.approx(np.pi * radius**2, rel=0.05)
    shrunk = node("(strokes) => network.shrink(network.drawStrokes(strokes)).values", [[[0.2, 0.3], [0.8, 0.3]]])
    assert np.array(shrunk).reshape(28, 28) == pytest.approx(
        255 * np.where(np.arange(112)[:, None] < 60, image, 0).reshape(28, 4, 28, 4).mean(axis=(1, 3))
    )

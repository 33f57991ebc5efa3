"""Convolution, step by step: every product, the sizes of the maps, the number of weights, what a shift does."""

import itertools
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from scipy.signal import convolve2d
from torch import nn
from torch.nn import functional

from cnnlab.lecture.claims import ExactClaim
from cnnlab.lecture.studies.convolution_figures import show
from cnnlab.lecture.study import Measured, Study, Workspace
from cnnlab.lecture.windows import Grid, as_matrix, output_size, slide
from cnnlab.nn import LectureNet

CLAIMS = (
    ExactClaim("worked_examples", conditions=("stride_1", "stride_2")),
    ExactClaim("size_formula", conditions=("convolution", "pooling")),
    ExactClaim("not_flipped", conditions=("is_correlation", "is_no_convolution", "flipped_is_convolution")),
    ExactClaim("parameter_counts", conditions=("conv1", "conv2", "hidden", "output", "all_layers")),
    ExactClaim("weights_shared", conditions=("same_function", "few_weights")),
    ExactClaim("equivariance", conditions=("shifted_1", "strided_even", "pooled_even")),
)

INPUT = [[1, 1, 1, 0, 0], [0, 1, 1, 1, 0], [0, 0, 1, 1, 1], [0, 0, 1, 1, 0], [0, 1, 1, 0, 0]]
EXAMPLES: dict[str, dict[str, Any]] = {
    "stride_1": {"kernel": [[1, 0, 1], [0, 1, 0], [1, 0, 1]], "stride": 1, "padding": 0},
    "stride_2": {"kernel": [[1, 0, -1], [2, 0, -2], [1, 0, -1]], "stride": 2, "padding": 1},
}
EDGE = [[1.0, 0.0, -1.0], [2.0, 0.0, -2.0], [1.0, 0.0, -1.0]]  # not symmetric: flipped, it is another one
SEVEN = ("............", "............", "..#######...", "........#...", ".......##...", ".......#....",
         "......##....", "......#.....", ".....##.....", ".....#......", "............", "............")  # fmt: skip
SHIFT_PX = 2
SHOWN_SIZES = ((28, 5, 1, 0, 1), (24, 2, 2, 0, 1), (12, 5, 1, 0, 1), (8, 2, 2, 0, 1), (28, 3, 1, 1, 1),
               (28, 3, 2, 1, 1), (28, 5, 1, 2, 1), (28, 5, 1, 0, 2), (224, 7, 2, 3, 1))  # fmt: skip


def measure(workspace: Workspace) -> Measured:
    """Computes everything; nothing is trained, and no seed matters.

    Args:
        workspace: Unused.
    """
    examples, examples_hold = _examples()
    sizes, sizes_hold = _sizes()
    flips, flips_hold = _flips()
    counts, counts_hold = _counts()
    shared, shared_hold = _shared()
    shifts, shifts_hold = _shifts()
    effects = {
        "worked_examples": examples_hold,
        "size_formula": sizes_hold,
        "not_flipped": flips_hold,
        "parameter_counts": counts_hold,
        "weights_shared": shared_hold,
        "equivariance": shifts_hold,
    }
    data = {
        "examples": examples,
        "sizes": sizes,
        "flips": flips,
        "counts": counts,
        "shared": shared,
        "shifts": shifts,
    }
    return Measured({claim: _checked(each) for claim, each in effects.items()}, data)


def _checked(checks: Mapping[str, bool]) -> dict[str, list[float]]:
    return {name: [float(holds)] for name, holds in checks.items()}


def _torch(image: Grid, kernel: Grid, stride: int = 1, padding: int = 0) -> Grid:
    """The convolution by torch of one image, in float64: sums of small integers are exact."""
    image_4d, kernel_4d = (torch.as_tensor(each, dtype=torch.float64)[None, None] for each in (image, kernel))
    return np.asarray(functional.conv2d(image_4d, kernel_4d, stride=stride, padding=padding)[0, 0].numpy())


def _examples() -> tuple[dict[str, Any], dict[str, bool]]:
    found, holds = {}, {}
    for name, example in EXAMPLES.items():
        image, kernel = np.array(INPUT, dtype=float), np.array(example["kernel"], dtype=float)
        output = slide(image, kernel, example["stride"], example["padding"])
        holds[name] = np.array_equal(output, _torch(image, kernel, example["stride"], example["padding"]))
        found[name] = {"input": INPUT, **example, "output": output.astype(int).tolist()}
    return found, holds


def _sizes() -> tuple[dict[str, Any], dict[str, bool]]:
    """The formula against torch, on a grid of sizes where the kernel fits in, and some that are shown."""
    grid = itertools.product(range(5, 13), range(1, 6), (1, 2, 3), (0, 1, 2), (1, 2))
    conv, pool = [], []
    for size, kernel, stride, padding, dilation in grid:
        expected = output_size(size, kernel, stride, padding, dilation)
        if expected < 1:
            continue
        conv.append(_conv_size(size, kernel, stride, padding, dilation) == expected)
        if padding <= kernel // 2:  # torch's own limit
            layer = nn.MaxPool2d(kernel, stride, padding, dilation)
            pool.append(layer(torch.zeros(1, 1, size, size)).shape[-1] == expected)
    shown = [[*case, output_size(*case), _conv_size(*case)] for case in SHOWN_SIZES]
    found = {"num_conv": len(conv), "num_pool": len(pool), "shown": shown}
    return found, {"convolution": all(conv), "pooling": all(pool)}


def _conv_size(size: int, kernel: int, stride: int, padding: int, dilation: int) -> int:
    layer = nn.Conv2d(1, 1, kernel, stride, padding, dilation, device="meta")  # shapes without numbers
    return int(layer(torch.zeros(1, 1, size, size, device="meta")).shape[-1])


def _flips() -> tuple[dict[str, Any], dict[str, bool]]:
    image, kernel = np.array(INPUT, dtype=float), np.array(EDGE)
    by_torch, correlation = _torch(image, kernel), slide(image, kernel)
    convolution = convolve2d(image, kernel, mode="valid")
    flipped = _torch(image, kernel[::-1, ::-1].copy())
    holds = {
        "is_correlation": np.array_equal(by_torch, correlation),
        "is_no_convolution": not np.array_equal(by_torch, convolution),
        "flipped_is_convolution": np.array_equal(flipped, convolution),
    }
    outputs = {"torch": by_torch, "convolution": convolution, "flipped": flipped}
    return {name: output.astype(int).tolist() for name, output in outputs.items()}, holds


def _counts() -> tuple[list[dict[str, Any]], dict[str, bool]]:
    """By hand: (inputs of a unit + 1 bias) × maps, or units; counted in the network that `model=lecture` trains."""
    by_hand = {
        "conv1": ("(5·5·1 + 1)·10", (5 * 5 * 1 + 1) * 10),
        "conv2": ("(5·5·10 + 1)·20", (5 * 5 * 10 + 1) * 20),
        "hidden": ("(4·4·20 + 1)·50", (4 * 4 * 20 + 1) * 50),
        "output": ("(50 + 1)·10", (50 + 1) * 10),
    }
    network = LectureNet(nn.ReLU, lambda: nn.MaxPool2d(2), image_shape=(1, 28, 28), num_classes=10)
    layers = [module for module in network.modules() if isinstance(module, nn.Conv2d | nn.Linear)]
    counted = [sum(weights.numel() for weights in layer.parameters()) for layer in layers]
    rows: list[dict[str, Any]] = [
        {"layer": name, "formula": formula, "by_hand": num, "counted": found}
        for (name, (formula, num)), found in zip(by_hand.items(), counted, strict=True)
    ]
    total = sum(weights.numel() for weights in network.parameters())
    holds = {row["layer"]: row["by_hand"] == row["counted"] for row in rows}
    holds["all_layers"] = sum(row["by_hand"] for row in rows) == total == 21_840
    return rows, holds


def _shared() -> tuple[dict[str, Any], dict[str, bool]]:
    """A convolution as a fully connected layer, and how many weights such a layer would have in the network."""
    image, kernel = np.array(INPUT, dtype=float), np.arange(1.0, 10.0).reshape(3, 3)  # nine different weights
    matrix = as_matrix(kernel, len(image))
    same = np.array_equal(matrix @ image.ravel(), _torch(image, kernel).ravel())
    distinct = set(matrix[matrix != 0].tolist())
    layers = [
        {"layer": "conv1", "convolution": (25 + 1) * 10, "linear": (28 * 28 + 1) * 24 * 24 * 10},
        {"layer": "conv2", "convolution": (250 + 1) * 20, "linear": (12 * 12 * 10 + 1) * 8 * 8 * 20},
    ]
    found = {"matrix": matrix.astype(int).tolist(), "layers": layers}
    return found, {"same_function": same, "few_weights": distinct == set(kernel.ravel().tolist())}


def _shifts() -> tuple[dict[str, Any], dict[str, bool]]:
    """A drawn seven, moved right: what is exact away from the borders, where nothing is cut off."""
    image = np.array([[float(pixel == "#") for pixel in row] for row in SEVEN])
    kernel = np.array(EDGE)

    def pooled(grid: Grid) -> Grid:
        return np.asarray(functional.max_pool2d(torch.as_tensor(grid)[None, None], 2)[0, 0].numpy())

    def follows(layer: Any, shift_px: int, stride: int) -> bool:
        """Whether the map moves by shift / stride where the image moves by shift."""
        moved, map_before = layer(np.roll(image, shift_px, axis=1)), layer(image)
        steps = [shift_px // stride] if shift_px % stride == 0 else range(shift_px + 1)  # odd: by whichever number
        width = map_before.shape[1]
        return any(np.array_equal(moved[:, step:], map_before[:, : width - step]) for step in steps)

    def strided(grid: Grid) -> Grid:
        return _torch(grid, kernel, stride=2)

    def plain(grid: Grid) -> Grid:
        return _torch(grid, kernel)

    holds = {
        "shifted_1": follows(plain, 1, 1),
        "strided_even": follows(strided, 2, 2),
        "pooled_even": follows(pooled, 2, 2),
    }
    shifted = np.roll(image, SHIFT_PX, axis=1)
    pictures = {"image": image, "shifted": shifted, "map": plain(image), "shifted_map": plain(shifted)}
    odd = {"strided": follows(strided, 1, 2), "pooled": follows(pooled, 1, 2)}
    return {**{name: grid.astype(int).tolist() for name, grid in pictures.items()}, "odd": odd}, holds


STUDY = Study(
    name="convolution",
    claims=CLAIMS,
    measure=measure,
    show=show,
    sources=("lecture/windows.py", "nn/lecture.py"),
)

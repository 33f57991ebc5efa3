"""Fully connected layers: what a network loses that flattens its maps."""

from collections.abc import Callable
from statistics import fmean
from typing import Any

import torch
from torch import nn
from torch.nn import functional

from cnnlab.data.module import pixel_order
from cnnlab.lecture import shifts
from cnnlab.lecture.claims import Claim, ExactClaim, Expected
from cnnlab.lecture.studies.fully_connected_figures import show
from cnnlab.lecture.study import Measured, Study, Workspace
from cnnlab.lecture.swept import BySeed, by_configuration, difference, each_seed, final_accuracy
from cnnlab.nn import CNN, MLP, LectureNet
from cnnlab.report.runs import Run

CONVOLUTIONAL, FLAT = "lecture_fully_connected", "lecture_fully_connected_mlp"
LECTURE, MEAN, SMALL_MLP, LARGE_MLP = "lecture", "compact", "mlp_27", "mlp_100"
NETWORKS = (LECTURE, MEAN, SMALL_MLP, LARGE_MLP)
ORDERS = {"in_place": None, "permuted": 0}  # data.pixel_order_seed
SIZES_PX = (28, 32)
MNIST: dict[str, Any] = {"image_shape": (1, 28, 28), "num_classes": 10}
MLP_SIZES = ("equal_parameters", "four_times")

CLAIMS = (
    Claim("mlp_loses_more_under_shifts", Expected.GREATER, 0.01, "points", MLP_SIZES),
    Claim("flattening_loses_space", Expected.GREATER, 0.01, "points", ("global_mean",)),
    Claim("mlp_ignores_pixel_order", Expected.EQUAL, 0.01, "points", MLP_SIZES),
    Claim("cnn_needs_neighbours", Expected.GREATER, 0.01, "points", ("flattened", "global_mean")),
    ExactClaim("mlp_has_no_neighbours", ("same_training",)),
    ExactClaim("flattening_fixes_the_size", ("lecture_refuses", "mlp_refuses", "global_mean_takes")),
)


def measure(workspace: Workspace) -> Measured:
    """The runs' accuracies, their networks on moved images and on larger ones.

    Args:
        workspace: With the sweeps' runs.
    """
    runs = {order: _networks(workspace, seed) for order, seed in ORDERS.items()}
    accuracy = {
        order: {name: each_seed(each, final_accuracy) for name, each in of_order.items()}
        for order, of_order in runs.items()
    }
    curves = {
        name: {seed: shifts.of_run(run.path) for seed, run in sorted(runs["in_place"][name].items())}
        for name in NETWORKS
    }
    losses: dict[str, BySeed] = {
        name: {seed: each[0] - fmean(each[1:]) for seed, each in curves[name].items()} for name in NETWORKS
    }
    drops = {name: difference(accuracy["in_place"][name], accuracy["permuted"][name]) for name in NETWORKS}
    sizes = image_sizes()
    effects = {
        "mlp_loses_more_under_shifts": {
            "equal_parameters": difference(losses[SMALL_MLP], losses[LECTURE]),
            "four_times": difference(losses[LARGE_MLP], losses[LECTURE]),
        },
        "flattening_loses_space": {"global_mean": difference(losses[LECTURE], losses[MEAN])},
        "mlp_ignores_pixel_order": {"equal_parameters": drops[SMALL_MLP], "four_times": drops[LARGE_MLP]},
        "cnn_needs_neighbours": {"flattened": drops[LECTURE], "global_mean": drops[MEAN]},
        **_checks(sizes),
    }
    data = {
        "shifts_px": list(shifts.SHIFTS_PX),
        "curves": {name: list(each.values()) for name, each in curves.items()},
        "accuracy": {
            order: {name: list(each.values()) for name, each in of_order.items()}
            for order, of_order in accuracy.items()
        },
        "num_parameters": {name: _num_parameters(runs["in_place"][name]) for name in NETWORKS},
        "sizes": sizes,
        **_views(runs["in_place"][LECTURE]),
    }
    return Measured(effects, data)


def _checks(sizes: dict[str, dict[str, str | None]]) -> dict[str, dict[str, list[float]]]:
    """The effects of the exact claims."""
    return {
        "mlp_has_no_neighbours": {"same_training": [float(trains_alike())]},
        "flattening_fixes_the_size": {
            "lecture_refuses": [float(sizes[LECTURE]["32"] is None)],
            "mlp_refuses": [float(sizes[SMALL_MLP]["32"] is None)],
            "global_mean_takes": [float(sizes[MEAN]["32"] is not None)],
        },
    }


def _networks(workspace: Workspace, pixel_order_seed: int | None) -> dict[str, dict[int, Run]]:
    """The runs of each network by seed."""

    def of_order(sweep: str) -> list[Run]:
        return [run for run in workspace.runs(sweep) if run.params.get("data.pixel_order_seed") == pixel_order_seed]

    convolutional = by_configuration(of_order(CONVOLUTIONAL), ("model",))
    flat = by_configuration(of_order(FLAT), ("model", "model.width"))
    return {
        LECTURE: convolutional["lecture",],
        MEAN: convolutional["compact",],
        SMALL_MLP: flat["mlp", "27"],
        LARGE_MLP: flat["mlp", "100"],
    }


def _num_parameters(runs: dict[int, Run]) -> int:
    return int(runs[min(runs)].result["num_params"])


def _views(runs: dict[int, Run]) -> dict[str, Any]:
    """A digit in place, moved by each shift, and with its pixels permuted: bytes from 0 to 255."""
    _, images, _, background = shifts.load_tested(runs[min(runs)].path, 1)
    order = pixel_order(0, images[0].numel())
    moved = [shifts.moved(images, 0, px, background)[0, 0] for px in (0, 3, 6)]
    pictures = [*moved, images.flatten()[order].view(moved[0].shape)]
    low, high = float(images.min()), float(images.max())
    as_bytes = [((each - low) / (high - low) * 255).round().int().tolist() for each in pictures]
    return {"digit": dict(zip(("0", "3", "6", "permuted"), as_bytes, strict=True))}


def image_sizes() -> dict[str, dict[str, str | None]]:
    """The shape of the logits of networks that were made for 28×28 pixels, by the size of the image; None: refused."""
    networks: dict[str, nn.Module] = {
        LECTURE: LectureNet(nn.ReLU, lambda: nn.MaxPool2d(2), **MNIST),
        SMALL_MLP: MLP(nn.ReLU, width=27, **MNIST),
        MEAN: CNN(nn.ReLU, lambda: nn.MaxPool2d(2), channels=(8, 16, 20, 28, 28, 32), **MNIST),
    }
    return {name: {str(size): _logits(network.eval(), size) for size in SIZES_PX} for name, network in networks.items()}


@torch.inference_mode()
def _logits(network: nn.Module, size_px: int) -> str | None:
    try:
        return "×".join(map(str, network(torch.zeros(1, 1, size_px, size_px)).shape))
    except RuntimeError:
        return None


def trains_alike(num_steps: int = 20) -> bool:
    """Whether an mlp whose first weights are permuted as the images are learns the same function from them.

    Both train on the same random images and labels, in double precision, and give the same logits.

    Args:
        num_steps: Of gradient descent.
    """
    generator = torch.Generator().manual_seed(0)
    images = torch.randn(64, 784, generator=generator, dtype=torch.float64)
    labels = torch.randint(0, 10, (64,), generator=generator)
    order = pixel_order(0, 784)
    torch.manual_seed(0)
    plain = MLP(nn.ReLU, width=27, **MNIST).double()
    permuted = MLP(nn.ReLU, width=27, **MNIST).double()
    permuted.load_state_dict(plain.state_dict())
    with torch.no_grad():
        first = next(layer for layer in permuted.modules() if isinstance(layer, nn.Linear))
        first.weight.copy_(first.weight[:, order])
    logits = _trained(plain, images, labels, num_steps)
    return torch.allclose(logits, _trained(permuted, images[:, order], labels, num_steps), rtol=1e-9, atol=1e-9)


def _trained(network: nn.Module, images: torch.Tensor, labels: torch.Tensor, num_steps: int) -> torch.Tensor:
    optimizer = torch.optim.SGD(network.parameters(), lr=0.1, momentum=0.5)
    forward: Callable[[torch.Tensor], torch.Tensor] = network
    for _ in range(num_steps):
        optimizer.zero_grad()
        functional.cross_entropy(forward(images), labels).backward()
        optimizer.step()
    return forward(images).detach()


STUDY = Study(
    "fully_connected",
    CLAIMS,
    measure,
    show,
    sweeps=(CONVOLUTIONAL, FLAT),
    sources=("lecture/shifts.py", "lecture/swept.py", "data/module.py", "nn/lecture.py", "nn/mlp.py", "nn/cnn.py"),
)

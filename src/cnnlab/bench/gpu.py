"""Measures an epoch on a GPU: the plain loop, the fastest loops that a reader could write, and ours."""

import math
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import torch
from omegaconf import DictConfig, ListConfig, OmegaConf
from torch.nn import functional

from cnnlab.bench.contenders import Epoch, lightning_loop, now, plain_loop
from cnnlab.bench.plain_net import PlainNet
from cnnlab.data.batches import Batch
from cnnlab.errors import one_line
from cnnlab.training.build import build_data
from cnnlab.training.quiet import quieten

CUDA = torch.device("cuda")
PLAIN_SHARE = 0.1  # of an epoch: the plain loop is slow and its steps are alike
NAMES = {
    "plain": "plain DataLoader loop",
    "resident": "torch's layers, data on the GPU",
    "graph": "the same as a CUDA graph",
    "ours": "cnnlab (Lightning)",
    "ours_graph": "cnnlab, trainer.cuda_graph=true",
}


def measure(
    config: DictConfig,
    batch_sizes: list[int],
    repetitions: int,
    progress: Callable[[str], None],
    limit_s: float = math.inf,
    device: torch.device = CUDA,
) -> list[dict[str, float | str]]:
    """Runs every contender at every batch size, interleaved, `repetitions` times after a warm-up.

    Args:
        config: The composed config of `experiment=lecture trainer=gpu`.
        batch_sizes: Training images per step.
        repetitions: The number of repetitions, at most.
        progress: Called with progress messages.
        limit_s: No repetition after the first starts later than this.
        device: Where the loops run; on a CPU there is no graph.

    Returns:
        A row for each batch size and contender: medians of milliseconds a step, of seconds an epoch (evaluation
        included), and of the plain loop's epoch over this one in the same repetition. A contender that failed has its
        error instead.
    """
    quieten()
    started = time.monotonic()
    loops = _contenders(config, device)
    found: dict[tuple[int, str], list[Epoch | str]] = {}
    for repetition in range(repetitions + 1):  # the first is the warm-up
        if repetition > 1 and time.monotonic() - started > limit_s:
            progress(f"stopped after {repetition - 1} of {repetitions} repetitions")
            break
        for size in batch_sizes:
            progress(f"{repetition} of {repetitions}: batch {size}")
            for name, loop in loops.items():
                epoch = _tried(loop, _changed(config, size))
                if repetition > 0:
                    found.setdefault((size, name), []).append(epoch)
    return [_row(size, name, epochs, found[size, "plain"]) for (size, name), epochs in found.items()]


def _contenders(config: DictConfig, device: torch.device) -> dict[str, Callable[[DictConfig], Epoch]]:
    data = build_data(config)
    data.prepare_data()
    data.setup()
    raw = data.effective.files.load()
    train, test = ((images.to(device), labels.to(device)) for images, labels in map(data.part, ("train", "test")))
    loops: dict[str, Callable[[DictConfig], Epoch]] = {
        "plain": lambda changed: plain_loop(changed, data.effective, raw, PLAIN_SHARE, device),
        "resident": lambda changed: resident_loop(changed, train, test, as_graph=False),
        "graph": lambda changed: resident_loop(changed, train, test, as_graph=True),
        "ours": _ours,
        "ours_graph": lambda changed: _ours(OmegaConf.merge(changed, {"trainer": {"cuda_graph": True}})),
    }
    return loops if device.type == "cuda" else {name: loop for name, loop in loops.items() if "graph" not in name}


def _tried(loop: Callable[[DictConfig], Epoch], config: DictConfig) -> Epoch | str:
    """The epoch, or why there is none: the others are measured all the same."""
    try:
        return loop(config)
    except Exception as error:  # any, of a driver or a library too
        return one_line(error)


def resident_loop(config: DictConfig, train: Batch, test: Batch, as_graph: bool) -> Epoch:
    """A loop over batches that are cut out of tensors on their device, with torch's own layers and SGD.

    Args:
        config: Batch sizes, learning rate and momentum.
        train: Normalised images and labels, of at least one whole batch.
        test: Those of the evaluation.
        as_graph: Whether a step is captured once and replayed, which costs one launch instead of one per kernel; the
            last, smaller batch is left out.
    """
    (images, labels), size = train, config.data.batch_size
    network, settings = PlainNet().to(images.device), config.optimizer
    optimizer = torch.optim.SGD(network.parameters(), lr=settings.lr, momentum=settings.momentum, fused=True)

    def step(batch: torch.Tensor, targets: torch.Tensor) -> None:
        optimizer.zero_grad()
        functional.cross_entropy(network(batch), targets).backward()
        optimizer.step()

    advance = _captured(step, images[:size].clone(), labels[:size].clone()) if as_graph else step
    started = now()
    order = torch.randperm(len(images), device=images.device)
    chosen = order[: len(order) // size * size if as_graph else None].split(size)
    for indices in chosen:
        advance(images[indices], labels[indices])
    trained = now()
    network.eval()
    correct = torch.zeros((), device=images.device)
    with torch.inference_mode():
        for batch, targets in zip(*(part.split(config.data.eval_batch_size) for part in test), strict=True):
            correct += (network(batch).argmax(dim=1) == targets).sum()
        correct.item()
    return Epoch(trained - started, now() - trained, len(chosen))


def _captured(
    step: Callable[[torch.Tensor, torch.Tensor], None], images: torch.Tensor, labels: torch.Tensor
) -> Callable[[torch.Tensor, torch.Tensor], None]:
    """The step as a CUDA graph over these two tensors, which every batch is copied into."""
    aside = torch.cuda.Stream()
    aside.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(aside):
        for _ in range(3):  # what allocates once must have done so
            step(images, labels)
    torch.cuda.current_stream().wait_stream(aside)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        step(images, labels)

    def replay(batch: torch.Tensor, targets: torch.Tensor) -> None:
        images.copy_(batch)
        labels.copy_(targets)
        graph.replay()

    return replay


def _changed(config: DictConfig, batch_size: int) -> DictConfig:
    changes = {"data": {"batch_size": batch_size}, "trainer": {"max_epochs": 1}}
    changed = OmegaConf.merge(config, changes)
    assert isinstance(changed, DictConfig)
    return changed


def _ours(config: DictConfig | ListConfig) -> Epoch:
    assert isinstance(config, DictConfig)
    with tempfile.TemporaryDirectory() as folder:
        return lightning_loop(config, build_data(config), Path(folder))


def _row(size: int, name: str, epochs: list[Epoch | str], plain: list[Epoch | str]) -> dict[str, float | str]:
    row: dict[str, float | str] = {"batch_size": size, "contender": NAMES[name]}
    pairs = [(epoch, other) for epoch, other in zip(epochs, plain, strict=True) if isinstance(epoch, Epoch)]
    if not pairs:
        return row | {"error": str(epochs[0])}
    ratios = [_seconds(other) / _seconds(epoch) for epoch, other in pairs if isinstance(other, Epoch)]
    return row | {
        "step_ms": statistics.median(1e3 * epoch.train_s / epoch.num_steps for epoch, _ in pairs),
        "epoch_s": statistics.median(_seconds(epoch) for epoch, _ in pairs),
        "speedup": statistics.median(ratios) if ratios else math.nan,
        "repetitions": len(pairs),
    }


def _seconds(epoch: Epoch) -> float:
    return epoch.train_s + epoch.eval_s

"""The fastest loops that a reader could write with torch's own layers: the images stay in memory, and no Lightning."""

import os
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass

import torch
from omegaconf import DictConfig
from torch.nn import functional

from cnnlab.bench.contenders import Epoch
from cnnlab.bench.plain_net import PlainNet
from cnnlab.data.batches import Batch

Pass = tuple[torch.Tensor, torch.Tensor]  # the mean loss, a scalar, and the logits (B, 10)
MAX_GRAPHS = 256  # of one function: one for each layout, batch size, number of threads, and training or not


@dataclass(frozen=True)
class Kind:
    """Which of the loops.

    Args:
        memory_format: The layout of weights and maps.
        is_compiled: Whether by `torch.compile`.
    """

    memory_format: torch.memory_format
    is_compiled: bool


KINDS = {
    "nchw": Kind(torch.contiguous_format, is_compiled=False),
    "channels_last": Kind(torch.channels_last, is_compiled=False),
    "compiled_nchw": Kind(torch.contiguous_format, is_compiled=True),
    "compiled_channels_last": Kind(torch.channels_last, is_compiled=True),
}


def loss_and_logits(network: PlainNet, images: torch.Tensor, labels: torch.Tensor) -> Pass:
    """A forward pass: what `torch.compile` compiles, with its backward pass."""
    logits = network(images)
    return functional.cross_entropy(logits, labels), logits


class Rival:
    """The lecture's network in torch's own layers, and its training over images that stay in memory.

    It does the same work as ours: all images in a new order, dropout, cross-entropy, fused SGD, and the loss and the
    accuracy of both parts, which no step waits for.

    Args:
        config: Batch sizes, learning rate and momentum.
        train: Normalised images (N, 1, 28, 28) and labels (N,).
        test: Those of the evaluation.
        memory_format: The layout of weights and maps.
    """

    def __init__(
        self,
        config: DictConfig,
        train: Batch,
        test: Batch,
        memory_format: torch.memory_format = torch.contiguous_format,
    ) -> None:
        self.train, self.test = train, test
        self.size = min(config.data.batch_size, len(train[1]))
        self.eval_size = min(config.data.eval_batch_size, len(test[1]))
        self.network = PlainNet().to(memory_format=memory_format)
        settings = config.optimizer
        self.optimizer = torch.optim.SGD(
            self.network.parameters(), lr=settings.lr, momentum=settings.momentum, fused=True
        )
        self.compile_s = 0.0
        self.metrics: dict[str, tuple[float, float]] = {}  # mean loss and accuracy of each part in the last epoch
        self._compiled: Callable[[PlainNet, torch.Tensor, torch.Tensor], Pass] | None = None

    def compile(self) -> None:
        """Compiles a training pass and an evaluation of whole batches; the weights stay as they are.

        For these shapes alone: code for any batch size takes nearly twice as long. The last, smaller batch of an epoch
        is not compiled, which would cost more than its only step. The mode is torch's default: the others were as fast
        to within the noise.

        Raises:
            RuntimeError: If there is no C++ compiler, or it fails.
        """
        started = time.perf_counter()
        self._compiled = torch.compile(loss_and_logits, dynamic=False)
        loss, _ = self._forward(*(part[: self.size] for part in self.train))
        loss.backward()
        self.optimizer.zero_grad()
        self._evaluate(num_batches=1)
        self.compile_s = time.perf_counter() - started

    def step(self, images: torch.Tensor, labels: torch.Tensor) -> Pass:
        """Trains on a batch; returns its loss and logits before that."""
        loss, logits = self._forward(images, labels)
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        return loss.detach(), logits.detach()

    def epoch(self, share: float = 1.0) -> Epoch:
        """Trains on the last batches of a new order, the smaller one included, and evaluates all test images.

        Args:
            share: Of the batches; the time is that of all.
        """
        images, labels = self.train
        with torch.compiler.set_stance("fail_on_recompile") if self._compiled else nullcontext():
            started = time.perf_counter()
            batches = torch.randperm(len(labels)).split(self.size)
            shuffled = time.perf_counter()
            passes: list[Pass] = []
            targets: list[torch.Tensor] = []
            times = [shuffled]
            for chosen in batches[-max(2, round(share * len(batches))) :]:
                targets.append(labels[chosen])
                passes.append(self.step(images.index_select(0, chosen), targets[-1]))
                times.append(time.perf_counter())
            self.metrics["train"] = _means(passes, targets)
            trained = time.perf_counter()
            self._evaluate()
            evaluated = time.perf_counter()
        num_whole = len(labels) // self.size
        num_timed = len(targets) - (num_whole < len(batches))
        whole_s = (times[num_timed] - shuffled) / max(1, num_timed) * num_whole
        rest_s = trained - times[num_timed]  # the smaller batch, which is not compiled, and the means
        return Epoch(shuffled - started + whole_s + rest_s, evaluated - trained, len(batches))

    def _evaluate(self, num_batches: int | None = None) -> None:
        self.network.eval()
        images, labels = (part.split(self.eval_size)[:num_batches] for part in self.test)
        with torch.inference_mode():
            passes = [self._forward(*batch) for batch in zip(images, labels, strict=True)]
            self.metrics["test"] = _means(passes, labels)
        self.network.train()

    def _forward(self, images: torch.Tensor, labels: torch.Tensor) -> Pass:
        is_whole = len(labels) == (self.size if self.network.training else self.eval_size)
        forward = self._compiled if self._compiled is not None and is_whole else loss_and_logits
        return forward(self.network, images, labels)


@contextmanager
def compiling_anew() -> Iterator[None]:
    """Lets `torch.compile` compile everything here, and as often as it needs to, so that its time can be compared."""
    name, config = "TORCHINDUCTOR_CACHE_DIR", torch.compiler.config
    before, limit = os.environ.get(name), config.recompile_limit
    with tempfile.TemporaryDirectory(prefix="cnnlab-") as folder:
        os.environ[name], config.recompile_limit = folder, MAX_GRAPHS
        try:
            yield
        finally:
            config.recompile_limit = limit
            os.environ.pop(name)
            if before is not None:
                os.environ[name] = before


def _means(passes: Sequence[Pass], targets: Sequence[torch.Tensor]) -> tuple[float, float]:
    losses, logits = zip(*passes, strict=True)
    sizes, labels = torch.tensor([len(batch) for batch in targets]), torch.cat(tuple(targets))
    correct = (torch.cat(logits).argmax(dim=1) == labels).sum()
    return float((torch.stack(losses) * sizes).sum()) / len(labels), int(correct) / len(labels)

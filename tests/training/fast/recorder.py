"""A recorder without a GPU: like a CUDA graph it repeats torch's operators on the same memory, and no Python."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

MUTATES = ("native_batch_norm",)  # its running statistics, without saying so
READS = ("_local_scalar_dense", "item", "is_nonzero")


class NotCapturable(RuntimeError):
    """What CUDA says if the program waits for a value."""


class Recording(TorchDispatchMode):
    """Notes the operators, and computes only what changes nothing: CUDA computes nothing at all."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[tuple[Any, tuple[Any, ...], dict[str, Any], list[torch.Tensor]]] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name, kwargs = func._schema.name.partition("::")[2], kwargs or {}
        if name in READS:
            raise NotCapturable("operation not permitted when stream is capturing")
        if func._schema.is_mutable:
            returned = args[0] if func._schema.returns else None
        else:
            given = [tensor.clone() if name in MUTATES and tensor is not None else tensor for tensor in args[3:5]]
            returned = func(*args[:3], *given, *args[5:], **kwargs)
        outputs = [leaf for leaf in tree_leaves(returned) if isinstance(leaf, torch.Tensor)]
        self.calls.append((func, args, kwargs, outputs))
        return returned

    @torch.no_grad()
    def replay(self) -> None:
        for func, args, kwargs, outputs in self.calls:
            computed = [leaf for leaf in tree_leaves(func(*args, **kwargs)) if isinstance(leaf, torch.Tensor)]
            for held, new in zip(outputs, computed, strict=True):
                if held.data_ptr() != new.data_ptr() or held.numel() == 0:  # else a view, or changed in place
                    held.copy_(new)


class FakeRecorder:
    """Counts what a fit did with it."""

    def __init__(self) -> None:
        self.num_aside = self.num_recordings = self.num_replays = 0

    @contextmanager
    def aside(self) -> Iterator[None]:
        self.num_aside += 1
        yield

    def record(self, work: Callable[[], None]) -> Callable[[], None]:
        self.num_recordings += 1
        drawn = torch.get_rng_state()
        with Recording() as recording:
            work()
        torch.set_rng_state(drawn)  # a capture draws no number

        def replay() -> None:
            self.num_replays += 1
            recording.replay()

        return replay


class Peeking(torch.nn.Module):
    """A loss that waits for a value."""

    def forward(self, logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        loss = torch.nn.functional.cross_entropy(logits, labels)
        return loss * 2 if loss.item() > 1e9 else loss

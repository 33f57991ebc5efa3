"""Loss and accuracy over a pass, summed where the tensors are: no synchronisation a step."""

from collections.abc import Callable

import torch
from torch import nn


class Totals(nn.Module):
    """Sums over the images of one pass. A module, so that it moves to the device with the network."""

    loss_sum: torch.Tensor  # () float32
    num_correct: torch.Tensor  # () int64
    num_images: torch.Tensor  # () int64

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("loss_sum", torch.zeros(()), persistent=False)
        self.register_buffer("num_correct", torch.zeros((), dtype=torch.int64), persistent=False)
        self.register_buffer("num_images", torch.zeros((), dtype=torch.int64), persistent=False)

    @torch.no_grad()
    def add(self, loss: torch.Tensor, logits: torch.Tensor, labels: torch.Tensor) -> None:
        """Adds a batch.

        Args:
            loss: The batch's mean loss, a scalar.
            logits: (B, C).
            labels: (B,) int64.
        """
        self.loss_sum += loss * len(labels)
        self.num_correct += (logits.argmax(dim=1) == labels).sum()
        self.num_images += len(labels)

    def pop_means(self, reduce: Callable[[torch.Tensor], torch.Tensor]) -> dict[str, float]:
        """Mean loss and accuracy of all processes, `{"loss": nats, "acc": fraction}`; the sums start anew.

        Args:
            reduce: Sums a tensor over the processes.
        """
        loss_sum, num_correct, num_images = (reduce(buffer.clone()).item() for buffer in self.buffers())
        for buffer in self.buffers():
            buffer.zero_()
        return {"loss": loss_sum / num_images, "acc": num_correct / num_images}

    def snapshot(self) -> dict[str, torch.Tensor]:
        """The sums so far."""
        return {name: buffer.clone() for name, buffer in self.named_buffers()}

    def restore(self, snapshot: dict[str, torch.Tensor]) -> None:
        """Goes on from the sums of a snapshot."""
        for name, buffer in self.named_buffers():
            buffer.copy_(snapshot[name])

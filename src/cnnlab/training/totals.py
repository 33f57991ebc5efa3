"""Loss and accuracy over a pass, summed where the tensors are: no synchronisation a step."""

from collections.abc import Callable

import torch


class Totals:
    """Sums over the images of one pass.

    Plain tensors, not buffers: DDP overwrites buffers with those of the first process, and a trainer's precision
    casts them.
    """

    def __init__(self) -> None:
        self._sums: torch.Tensor | None = None  # (3,): loss, correct, images

    @torch.no_grad()
    def add(self, loss: torch.Tensor, logits: torch.Tensor, labels: torch.Tensor) -> None:
        """Adds a batch.

        Args:
            loss: The batch's mean loss, a scalar.
            logits: (B, C).
            labels: (B,) int64.
        """
        dtype = torch.float32 if loss.device.type == "mps" else torch.float64
        num_correct = (logits.argmax(dim=1) == labels).sum()
        num_images = torch.ones_like(num_correct) * len(labels)
        sums = torch.stack([loss.to(dtype) * len(labels), num_correct.to(dtype), num_images.to(dtype)])
        self._sums = sums if self._sums is None else self._sums.to(loss.device) + sums

    def pop_means(self, reduce: Callable[[torch.Tensor], torch.Tensor]) -> dict[str, float]:
        """Mean loss and accuracy of all processes, `{"loss": nats, "acc": fraction}`; the sums start anew.

        Args:
            reduce: Sums a tensor over the processes.
        """
        assert self._sums is not None, "a pass has images"
        loss_sum, num_correct, num_images = reduce(self._sums).tolist()
        self._sums = None
        return {"loss": loss_sum / num_images, "acc": num_correct / num_images}

    def snapshot(self) -> torch.Tensor | None:
        """The sums so far, (3,), or None at the start of a pass."""
        return None if self._sums is None else self._sums.clone()

    def restore(self, snapshot: torch.Tensor | None) -> None:
        """Goes on from the sums of a snapshot."""
        self._sums = None if snapshot is None else snapshot.clone()

"""Loss and accuracy over a pass, summed at its end: a step only keeps what it has computed anyway."""

from collections.abc import Callable

import torch


class Totals:
    """What a pass has seen so far: each batch's loss, logits and labels, and the sums that a resumed pass began with.

    Plain tensors, not buffers: DDP overwrites buffers with those of the first process, and a trainer's precision
    casts them.
    """

    def __init__(self) -> None:
        self._batches: list[tuple[torch.Tensor, torch.Tensor, torch.Tensor]] = []
        self._sums: torch.Tensor | None = None  # (3,): loss, correct, images

    def add(self, loss: torch.Tensor, logits: torch.Tensor, labels: torch.Tensor) -> None:
        """Keeps a batch.

        Args:
            loss: The batch's mean loss, a scalar.
            logits: (B, C).
            labels: (B,) int64.
        """
        self._batches.append((loss.detach(), logits.detach(), labels))

    def pop_means(self, reduce: Callable[[torch.Tensor], torch.Tensor]) -> dict[str, float]:
        """Mean loss and accuracy of all processes, `{"loss": nats, "acc": fraction}`; the pass starts anew.

        Args:
            reduce: Sums a tensor over the processes.
        """
        sums = self.snapshot()
        assert sums is not None, "a pass has images"
        loss_sum, num_correct, num_images = reduce(sums).tolist()
        self._sums = None
        return {"loss": loss_sum / num_images, "acc": num_correct / num_images}

    def snapshot(self) -> torch.Tensor | None:
        """The sums so far, (3,), or None at the start of a pass."""
        if self._batches:
            losses, logits, labels = zip(*self._batches, strict=True)
            self._batches.clear()
            num_correct = (torch.cat(logits).argmax(dim=1) == torch.cat(labels)).sum()
            sizes = [len(batch) for batch in labels]
            loss_sum, correct_so_far, images_so_far = [0.0, 0.0, 0.0] if self._sums is None else self._sums.tolist()
            for loss, size in zip(torch.stack(losses).tolist(), sizes, strict=True):
                loss_sum += loss * size  # one after the other, so that a resumed pass ends in the same bits
            dtype = torch.float32 if num_correct.device.type == "mps" else torch.float64
            sums = [loss_sum, correct_so_far + num_correct.item(), images_so_far + sum(sizes)]
            self._sums = torch.tensor(sums, dtype=dtype, device=num_correct.device)
        return None if self._sums is None else self._sums.clone()

    def restore(self, snapshot: torch.Tensor | None) -> None:
        """Goes on from the sums of a snapshot."""
        self._batches.clear()
        self._sums = None if snapshot is None else snapshot.clone()

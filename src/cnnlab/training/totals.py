"""Sums the metrics at the end of a pass, so that a step only keeps what it has computed anyway."""

from collections.abc import Callable, Sequence

import torch

from cnnlab.metrics import METRICS, Metric


class Totals:
    """Collects each batch's loss, logits and labels over a pass, and the sums that a resumed pass started with.

    Plain tensors, not buffers: DDP overwrites buffers with those of the first process, and a trainer's precision
    casts them.
    """

    def __init__(self) -> None:
        self._batches: list[tuple[torch.Tensor, torch.Tensor, torch.Tensor]] = []
        self._sums: torch.Tensor | None = None  # (M + 1,): a sum for each metric, then the number of images

    def add(self, loss: torch.Tensor, logits: torch.Tensor, labels: torch.Tensor) -> None:
        """Keeps a batch.

        Args:
            loss: The batch's mean loss, a scalar.
            logits: (B, C).
            labels: (B,) int64.
        """
        self._batches.append((loss.detach(), logits.detach(), labels))

    def pop_means(self, reduce: Callable[[torch.Tensor], torch.Tensor]) -> dict[str, float]:
        """Each metric's mean over the images of all processes, by name; resets the totals.

        Args:
            reduce: Sums a tensor over the processes.
        """
        sums = self.snapshot()
        assert sums is not None, "a pass has images"
        *totals, num_images = reduce(sums).tolist()
        self._sums = None
        return {metric.name: total / num_images for metric, total in zip(METRICS, totals, strict=True)}

    def snapshot(self) -> torch.Tensor | None:
        """The sums so far, (M + 1,), or None at the start of a pass."""
        if self._batches:
            losses, logits, labels = zip(*self._batches, strict=True)
            self._batches.clear()
            sizes = [len(batch) for batch in labels]
            all_logits, all_labels = torch.cat(logits), torch.cat(labels)
            *sums, num_images = [0.0] * (len(METRICS) + 1) if self._sums is None else self._sums.tolist()
            for index, metric in enumerate(METRICS):
                for value in _sums_of_batches(metric, losses, all_logits, all_labels, sizes):
                    sums[index] += value  # one after the other, so that a resumed pass ends in the same bits
            dtype = torch.float32 if all_logits.device.type == "mps" else torch.float64
            self._sums = torch.tensor([*sums, num_images + sum(sizes)], dtype=dtype, device=all_logits.device)
        return None if self._sums is None else self._sums.clone()

    def restore(self, snapshot: torch.Tensor | None) -> None:
        """Continues from the sums of a snapshot."""
        self._batches.clear()
        self._sums = None if snapshot is None else snapshot.clone()


def _sums_of_batches(
    metric: Metric, losses: Sequence[torch.Tensor], logits: torch.Tensor, labels: torch.Tensor, sizes: list[int]
) -> list[float]:
    """A metric's sum over the images of each batch."""
    if metric.per_image is None:
        return [loss * size for loss, size in zip(torch.stack(tuple(losses)).tolist(), sizes, strict=True)]
    values = metric.per_image(logits, labels).float()
    sums: list[float] = torch.stack([batch.sum() for batch in values.split(sizes)]).tolist()
    return sums

"""Sums the metrics at the end of a pass, so that a step only keeps what it has computed anyway."""

from collections.abc import Callable, Sequence

import torch

from cnnlab.errors import UserError
from cnnlab.metrics import CRITERION, LOSS, METRICS, Metric


class Totals:
    """Collects each batch's criterion, logits and labels over a pass, and the sums that a resumed pass started with.

    Plain tensors, not buffers: DDP overwrites buffers with those of the first process, and a trainer's precision
    casts them.

    Args:
        criterion_is_loss: Whether the criterion is plain cross-entropy, the loss, which is then not computed again.
    """

    def __init__(self, *, criterion_is_loss: bool = False) -> None:
        self.criterion_is_loss = criterion_is_loss
        self._batches: list[tuple[torch.Tensor, torch.Tensor, torch.Tensor]] = []
        self._sums: torch.Tensor | None = None  # (M + 1,): a sum for each metric, then the number of images

    def add(self, criterion: torch.Tensor, logits: torch.Tensor, labels: torch.Tensor) -> None:
        """Keeps a batch.

        Args:
            criterion: The batch's mean, a scalar.
            logits: (B, C).
            labels: (B,) int64.
        """
        self._last = (criterion.detach(), logits.detach(), labels)
        self._batches.append(self._last)

    def last_mean(self, metric: Metric) -> float:
        """A metric's mean over the last batch."""
        criterion, logits, labels = self._last
        (total,) = _sums_of_batches(metric, self._means(metric, [criterion]), logits, labels, [len(labels)])
        return total / len(labels)

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
            criteria, logits, labels = zip(*self._batches, strict=True)
            self._batches.clear()
            sizes = [len(batch) for batch in labels]
            all_logits, all_labels = torch.cat(logits), torch.cat(labels)
            *sums, num_images = [0.0] * (len(METRICS) + 1) if self._sums is None else self._sums.tolist()
            for index, metric in enumerate(METRICS):
                means = self._means(metric, criteria)
                for value in _sums_of_batches(metric, means, all_logits, all_labels, sizes):
                    sums[index] += value  # one after the other, so that a resumed pass ends in the same bits
            dtype = torch.float32 if all_logits.device.type == "mps" else torch.float64
            self._sums = torch.tensor([*sums, num_images + sum(sizes)], dtype=dtype, device=all_logits.device)
        return None if self._sums is None else self._sums.clone()

    def restore(self, snapshot: torch.Tensor | None) -> None:
        """Continues from the sums of a snapshot.

        Raises:
            UserError: If it is of a version with other metrics, of which one is unknown.
        """
        if snapshot is not None and len(snapshot) == 3 and self.criterion_is_loss:
            loss, accuracy, num_images = snapshot  # of a version without the criterion
            snapshot = torch.stack([loss, accuracy, loss, num_images])
        if snapshot is not None and len(snapshot) != len(METRICS) + 1:
            raise UserError(
                "the checkpoint is in the middle of an epoch of another version of cnnlab, which measured other "
                "metrics; resume it with that version, or start a new run"
            )
        self._batches.clear()
        self._sums = None if snapshot is None else snapshot.clone()

    def _means(self, metric: Metric, criteria: Sequence[torch.Tensor]) -> Sequence[torch.Tensor] | None:
        """The batches' means, if the steps have computed them."""
        return criteria if metric is CRITERION or (metric is LOSS and self.criterion_is_loss) else None


def _sums_of_batches(
    metric: Metric, means: Sequence[torch.Tensor] | None, logits: torch.Tensor, labels: torch.Tensor, sizes: list[int]
) -> list[float]:
    """A metric's sum over the images of each batch; from the batches' means where they are known."""
    if means is not None:
        return [mean * size for mean, size in zip(torch.stack(tuple(means)).tolist(), sizes, strict=True)]
    assert metric.per_image is not None
    values = metric.per_image(logits, labels).float()
    sums: list[float] = torch.stack([batch.sum() for batch in values.split(sizes)]).tolist()
    return sums

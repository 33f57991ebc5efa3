"""The registry of metrics: every metric's name, unit and direction, in one place.

The names in logs, the columns of metrics.csv, the lines on the console, the keys of result.json and the objectives of a
search all derive from `METRICS`. Nothing here imports torch.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from torch import Tensor

Direction = Literal["maximize", "minimize"]

SPLITS = {"train": "training", "val": "validation", "test": "test"}
SECONDS_TO_TARGET = "seconds_to_target"  # an objective: fit seconds up to the target validation accuracy


@dataclass(frozen=True)
class Metric:
    """A mean over the images of a split.

    Attributes:
        name: Its name in logs, columns and keys: `val/<name>`.
        title: Its name in sentences and tables.
        unit: The unit of the stored value.
        direction: Which values are better.
        format: How a value is printed, as a format specification.
        per_image: Logits (B, C) and labels (B,) to a value per image, (B,); None for the training loss, whose mean over
            the batch every step computes.
    """

    name: str
    title: str
    unit: str
    direction: Direction
    format: str
    per_image: "Callable[[Tensor, Tensor], Tensor] | None"

    def of(self, split: str) -> str:
        """The metric's name on a split: `val/acc`."""
        return f"{split}/{self.name}"

    def text(self, value: float) -> str:
        """A formatted value."""
        return format(value, self.format)


LOSS = Metric("loss", "loss", "nats", "minimize", ".4f", None)
ACCURACY = Metric(
    *("acc", "accuracy", "fraction", "maximize", ".2%"),
    lambda logits, labels: logits.argmax(dim=1) == labels,
)
METRICS = (LOSS, ACCURACY)  # a new metric is one more entry


def metric_names(*splits: str) -> tuple[str, ...]:
    """The names of all metrics on these splits, in order."""
    return tuple(metric.of(split) for split in splits for metric in METRICS)


RESULT_METRICS = metric_names("val", "test")  # keys of result.json
OBJECTIVES: dict[str, Direction] = {  # never a test metric
    **{metric.of("val"): metric.direction for metric in METRICS},
    SECONDS_TO_TARGET: "minimize",
}

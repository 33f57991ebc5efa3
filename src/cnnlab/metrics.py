"""The registry of metrics: every metric's name, unit and direction, in one place.

The names in logs, the columns of metrics.csv, the lines on the console, the keys of result.json and the objectives of a
search all derive from `METRICS`. Nothing here imports torch.
"""

from collections.abc import Callable, Mapping
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
        unit: The unit of the stored value; empty if it depends on the option `loss`.
        direction: Which values are better.
        format: How a value is printed, as a format specification.
        per_image: Logits (B, C) and labels (B,) to a value per image, (B,); None for the criterion, whose mean over the
            batch every step computes.
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


def _cross_entropy(logits: "Tensor", labels: "Tensor") -> "Tensor":
    return -logits.float().log_softmax(dim=1).gather(1, labels.unsqueeze(1)).squeeze(1)


# -log softmax(z)[y] whatever the option `loss`, so that runs with different losses can be compared
LOSS = Metric("loss", "loss", "nats", "minimize", ".4f", _cross_entropy)
ACCURACY = Metric(
    *("acc", "accuracy", "fraction", "maximize", ".2%"),
    lambda logits, labels: logits.argmax(dim=1) == labels,
)
# what training minimises: the option `loss`, with its label smoothing; the same as the loss for plain cross-entropy
CRITERION = Metric("criterion", "criterion", "", "minimize", ".4f", None)
METRICS = (LOSS, ACCURACY, CRITERION)  # a new metric is one more entry


def metric_names(*splits: str) -> tuple[str, ...]:
    """The names of all metrics on these splits, in order."""
    return tuple(metric.of(split) for split in splits for metric in METRICS)


def worth_showing(values: Mapping[str, float | None], split: str) -> list[tuple[Metric, float]]:
    """The measured metrics of a split, without a criterion that is the loss.

    Args:
        values: By name: `{"val/loss": 0.05, …}`.
        split: `"train"`, `"val"` or `"test"`.
    """
    measured = [(metric, value) for metric in METRICS if (value := values.get(metric.of(split))) is not None]
    return [
        (metric, value) for metric, value in measured if metric is not CRITERION or value != values.get(LOSS.of(split))
    ]


RESULT_METRICS = metric_names("val", "test")  # keys of result.json
OBJECTIVES: dict[str, Direction] = {  # never a test metric
    # the criterion's values are of different kinds in different runs
    **{metric.of("val"): metric.direction for metric in METRICS if metric is not CRITERION},
    SECONDS_TO_TARGET: "minimize",
}

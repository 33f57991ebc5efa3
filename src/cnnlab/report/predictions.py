"""What the runs' predictions for single test images tell: noise of images, of seeds, and which images are contested."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, SupportsFloat

import numpy as np
from numpy.typing import NDArray

from cnnlab.report.comparisons import Comparison
from cnnlab.report.configurations import Configuration
from cnnlab.report.images import Pixels, class_names, read_test_images
from cnnlab.report.inference.differences import Estimate, interval
from cnnlab.report.inference.images import new_images, new_images_and_seeds, predicted_deviation
from cnnlab.report.runs import Run

NUM_CONTESTED = 12

Correct = NDArray[np.bool_]  # of each image, (N,)


@dataclass(frozen=True)
class Answers:
    """The predictions of a sweep's completed runs for the same test images.

    Attributes:
        label: The true classes, (N,).
        correct: Of each configuration by seed: which images the run recognised.
        example: A run that saw them.
    """

    label: NDArray[Any]
    correct: Sequence[Mapping[int, Correct]]
    example: Run

    @classmethod
    def of(cls, configurations: Sequence[Configuration]) -> "Answers | None":
        """Reads them; None unless all that have saved their predictions saw the same images.

        Args:
            configurations: Of a sweep.
        """
        labels: list[NDArray[Any]] = []
        runs: list[Run] = []
        correct: list[dict[int, Correct]] = []
        for configuration in configurations:
            found = {}
            for run in configuration.runs:
                predictions = run.predictions() if run.metric("test/acc") is not None else None
                if predictions is not None:
                    labels, runs = labels or [predictions.label], runs or [run]
                    if not np.array_equal(predictions.label, labels[0]):
                        return None
                    found[run.seed] = predictions.is_correct
            correct.append(found)
        return cls(labels[0], correct, runs[0]) if labels else None

    def intervals(self, comparison: Comparison) -> dict[str, dict[str, float] | None]:
        """The intervals of a difference for new images, and for new images and new seeds.

        Args:
            comparison: By seed.
        """
        first, second = (self._by_seed(index, comparison.seeds) for index in (comparison.first, comparison.second))
        if first is None or second is None or len(self.label) < 2:
            return {"images": None, "images_and_seeds": None}
        seeds = Estimate(*(np.asarray(value) for value in (comparison.difference, comparison.error, comparison.df)))
        return {
            "images": _ends(*interval(new_images(first, second))),
            "images_and_seeds": _ends(*new_images_and_seeds(first, second, seeds)),
        }

    def predicted_deviation(self, index: int) -> float | None:
        """The deviation of a configuration's test accuracy over seeds if its networks erred independently.

        Args:
            index: The configuration's.
        """
        runs = self.correct[index]
        if len(runs) < 2:
            return None
        return predicted_deviation(np.mean(list(runs.values()), axis=0), len(runs))

    def disagreement(self) -> dict[str, Any] | None:
        """Accuracy by class, and the images that the networks agree on least, with their pixels if they can be read."""
        shares = {index: np.mean(list(runs.values()), axis=0) for index, runs in enumerate(self.correct) if runs}
        if not shares:
            return None
        num_classes = int(self.label.max()) + 1
        names = class_names(self.example) or []
        names = names if len(names) >= num_classes else [str(number) for number in range(num_classes)]
        counts = np.maximum(np.bincount(self.label, minlength=num_classes), 1)
        votes = [correct for runs in self.correct for correct in runs.values()]
        num_right = np.sum(votes, axis=0)
        contested, num_contested, num_as_contested = most_contested(num_right, len(votes))
        read = read_test_images(self.example, contested)
        pixels: list[Pixels | None] = [None] * len(contested) if read is None else [*read]
        return {
            "num_runs": len(votes),
            "num_contested": num_contested,
            "num_as_contested": num_as_contested,
            "classes": names,
            "per_class": [
                {
                    "configuration": index,
                    "accuracy": (np.bincount(self.label, weights=share, minlength=num_classes) / counts).tolist(),
                }
                for index, share in shares.items()
            ],
            "contested": [
                {
                    "index": image,
                    "label": names[int(self.label[image])],
                    "share_correct": float(num_right[image] / len(votes)),
                    "pixels": drawn,
                    "answers": [
                        {"configuration": index, "share_correct": float(share[image])}
                        for index, share in shares.items()
                    ],
                }
                for image, drawn in zip(contested, pixels, strict=True)
            ],
        }

    def _by_seed(self, index: int, seeds: Sequence[int]) -> NDArray[np.bool_] | None:
        runs = self.correct[index]
        return np.array([runs[seed] for seed in seeds]) if seeds and all(seed in runs for seed in seeds) else None


def most_contested(num_right: NDArray[np.int_], num_runs: int) -> tuple[list[int], int, int]:
    """The images that runs agree on least, at most `NUM_CONTESTED`.

    Args:
        num_right: How many runs recognise each image, (N,).
        num_runs: Of how many.

    Returns:
        Their indices, the most contested first; on how many images any two runs disagree; and how many are at least as
        contested as the last of the indices: more than these, if some are tied with it.
    """
    is_contested = (num_right > 0) & (num_right < num_runs)
    imbalance = np.abs(2 * num_right - num_runs)  # whole numbers, so that ties are ties
    order = np.argsort(imbalance, kind="stable")[:NUM_CONTESTED]
    found = [int(image) for image in order if is_contested[image]]
    num_as_contested = int((is_contested & (imbalance <= imbalance[found[-1]])).sum()) if found else 0
    return found, int(is_contested.sum()), num_as_contested


def _ends(low: SupportsFloat, high: SupportsFloat) -> dict[str, float]:
    return {"low": float(low), "high": float(high)}

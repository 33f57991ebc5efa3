"""Classifiers from before deep learning, on the same images as the networks."""

import time
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.metrics.pairwise import rbf_kernel
from sklearn.naive_bayes import BernoulliNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier

from cnnlab.data import ImageDataModule
from cnnlab.data.batches import Batch

METHODS = ("tree", "bayes", "neighbours", "svm")


class Scored(NamedTuple):
    """How well and how fast a classifier was.

    Attributes:
        accuracy: On the test images, a fraction.
        fit_s: Seconds to learn.
        predict_s: Seconds to classify all test images.
    """

    accuracy: float
    fit_s: float
    predict_s: float


def score(method: str, data: ImageDataModule, seed: int) -> Scored:
    """Fits a classifier to the training images, and tests it.

    Args:
        method: One of `METHODS`.
        data: Set up; its images are normalised.
        seed: Of the tree, which breaks ties by chance.
    """
    (train_images, train_labels), (test_images, test_labels) = (_arrays(data.part(part)) for part in ("train", "test"))
    half_ink = (0.5 - data.effective.mean) / data.effective.std
    started = time.perf_counter()
    classifier = make(method, train_images, half_ink, seed).fit(train_images, train_labels)
    fitted = time.perf_counter()
    accuracy = float(np.mean(classifier.predict(test_images) == test_labels))
    return Scored(accuracy, fitted - started, time.perf_counter() - fitted)


def make(method: str, images: NDArray[np.float32], half_ink: float, seed: int) -> Any:
    """An untrained classifier of scikit-learn.

    Its settings are the best of a few on 2,000 validation images, with tuning seed 1000, over all three sizes of the
    training set: trees by Gini or entropy with leaves of 1, 2 or 4 images; Bernoulli features (better than Gaussian
    ones, whose variances vanish at the border, at every smoothing) with α of 0.01, 0.1 or 1; 1, 3 or 5 neighbours,
    weighted by distance or not; C of 1, 5 or 20 with γ of half, once or twice scikit-learn's.

    Args:
        method: One of `METHODS`.
        images: The training images, (N, pixels).
        half_ink: The value of a pixel that is half black.
        seed: Of the tree.
    """
    match method:
        case "tree":
            return DecisionTreeClassifier(random_state=seed)
        case "bayes":
            return BernoulliNB(alpha=0.01, binarize=half_ink)
        case "neighbours":
            return KNeighborsClassifier(3, weights="distance", algorithm="brute")
        case "svm":
            gamma = float(2 / (images.shape[1] * images.var()))
            kernel = FunctionTransformer(rbf_kernel, kw_args={"Y": images, "gamma": gamma})
            return make_pipeline(kernel, SVC(C=5, kernel="precomputed"))  # three to five times as fast as kernel="rbf"
        case _:
            raise ValueError(f"{method} is not allowed; it must be one of {', '.join(METHODS)}")


def _arrays(batch: Batch) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    images, labels = batch
    return torch.flatten(images, 1).numpy(), labels.numpy()

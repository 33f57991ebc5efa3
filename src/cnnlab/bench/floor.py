"""A lower bound: the time of a step's arithmetic at the rate of a large matrix product."""

import time

import torch

# of LectureNet for one image: outputs × terms of each sum
FORWARD = {"conv1": 10 * 24 * 24 * 25, "conv2": 20 * 8 * 8 * 250, "linear1": 50 * 320, "linear2": 10 * 50}


def multiply_adds() -> int:
    """Multiply-adds of LectureNet for one image, forward and backward.

    A layer's backward pass has two products of the forward's size, one for its weights and one for its input; the first
    layer's input needs no gradient.
    """
    return 3 * sum(FORWARD.values()) - FORWARD["conv1"]


def matmul_rate(size: int = 1024, repetitions: int = 10) -> float:
    """Multiply-adds a second of a float32 product of two square matrices, with torch's present number of threads."""
    left, right = torch.randn(2, size, size).unbind()
    left @ right
    seconds = []
    for _ in range(repetitions):
        started = time.perf_counter()
        left @ right
        seconds.append(time.perf_counter() - started)
    return size**3 / min(seconds)

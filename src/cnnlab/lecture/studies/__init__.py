"""The studies, a module each: what a section of the lecture claims, measures and shows."""

from cnnlab.lecture.studies import (
    activation,
    classical,
    convolution,
    fully_connected,
    init,
    loss,
    optimizer,
    pool,
    result,
)
from cnnlab.lecture.study import Study

STUDIES: tuple[Study, ...] = (
    classical.STUDY,
    convolution.STUDY,
    activation.STUDY,
    pool.STUDY,
    fully_connected.STUDY,
    loss.STUDY,
    init.STUDY,
    optimizer.STUDY,
    result.STUDY,
)

__all__ = ["STUDIES"]

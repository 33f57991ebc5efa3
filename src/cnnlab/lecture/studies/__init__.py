"""The studies, a module each: what a section of the lecture claims, measures and shows."""

from cnnlab.lecture.studies import convolution
from cnnlab.lecture.study import Study

STUDIES: tuple[Study, ...] = (convolution.STUDY,)

__all__ = ["STUDIES"]

"""The studies, a module each: what a section of the lecture claims, measures and shows."""

from cnnlab.lecture.studies import optimizer
from cnnlab.lecture.study import Study

STUDIES: tuple[Study, ...] = (optimizer.STUDY,)

__all__ = ["STUDIES"]

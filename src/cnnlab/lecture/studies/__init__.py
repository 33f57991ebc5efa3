"""The studies, a module each: what a section of the lecture claims, measures and shows."""

from cnnlab.lecture.studies import fully_connected, loss, pool
from cnnlab.lecture.study import Study

STUDIES: tuple[Study, ...] = (pool.STUDY, fully_connected.STUDY, loss.STUDY)

__all__ = ["STUDIES"]

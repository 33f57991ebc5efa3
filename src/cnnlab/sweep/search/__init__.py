"""A sweep whose jobs are the trials of an Optuna study: each depends on the results so far."""

from cnnlab.sweep.search.samplers import EveryCombination
from cnnlab.sweep.search.search import search
from cnnlab.sweep.search.space import Space

__all__ = ["EveryCombination", "Space", "search"]

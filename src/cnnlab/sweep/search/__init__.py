"""A sweep whose next job depends on those before: trials of an Optuna study."""

from cnnlab.sweep.search.samplers import EveryCombination
from cnnlab.sweep.search.search import search
from cnnlab.sweep.search.space import Space

__all__ = ["EveryCombination", "Space", "search"]

"""Diagnostics and pictures of a network."""

from cnnlab.observe.layers import LayerStatistics
from cnnlab.observe.pictures import Pictures

__all__ = ["LayerStatistics", "Pictures"]

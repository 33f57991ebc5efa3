"""What is measured inside a network, and what it looks like."""

from cnnlab.observe.layers import LayerStatistics
from cnnlab.observe.pictures import Pictures

__all__ = ["LayerStatistics", "Pictures"]

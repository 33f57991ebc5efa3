"""Diagnostics and pictures of a network."""

from cnnlab.observe.diagnostics import Diagnostics
from cnnlab.observe.pictures import Pictures

__all__ = ["Diagnostics", "Pictures"]

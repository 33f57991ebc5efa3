"""Diagnostics, pictures and snapshots of a network."""

from cnnlab.observe.diagnostics import Diagnostics
from cnnlab.observe.pictures import Pictures
from cnnlab.observe.snapshots import Snapshots, read_snapshots

__all__ = ["Diagnostics", "Pictures", "Snapshots", "read_snapshots"]

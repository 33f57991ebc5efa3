"""How fast an epoch of the lecture's experiment is, and against what."""

from cnnlab.bench.measure import CONTENDERS, Measurement, Setting, measure
from cnnlab.bench.present import draw_bars, format_startup, format_table, summarise, summarise_startup
from cnnlab.bench.startup import Startup, measure_startup

__all__ = [
    "CONTENDERS",
    "Measurement",
    "Setting",
    "Startup",
    "draw_bars",
    "format_startup",
    "format_table",
    "measure",
    "measure_startup",
    "summarise",
    "summarise_startup",
]

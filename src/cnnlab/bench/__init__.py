"""How fast an epoch of the lecture's experiment is, and against what."""

from cnnlab.bench.measure import CONTENDERS, Measurement, Setting, measure
from cnnlab.bench.present import draw_bars, format_table, summarise

__all__ = ["CONTENDERS", "Measurement", "Setting", "draw_bars", "format_table", "measure", "summarise"]

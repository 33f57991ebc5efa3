"""Reads run folders, and nothing else of cnnlab."""

from cnnlab.report.curve import draw_curve, read_metrics

__all__ = ["draw_curve", "read_metrics"]

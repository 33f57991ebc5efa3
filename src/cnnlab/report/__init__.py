"""Reports on run folders: tables and curves."""

from cnnlab.report.run_curve import draw_curve, read_metrics
from cnnlab.report.sweep_curves import draw_curves
from cnnlab.report.table import format_markdown, read_results, tabulate

__all__ = ["draw_curve", "draw_curves", "format_markdown", "read_metrics", "read_results", "tabulate"]

"""Reports on run folders: what a sweep's runs tell, and curves."""

from cnnlab.report.run_curve import draw_curve, read_metrics
from cnnlab.report.sweep_curves import draw_curves

__all__ = ["draw_curve", "draw_curves", "read_metrics"]

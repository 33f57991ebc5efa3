"""The figures of a report: each a function from report.json's content to a figure, or None without data for it."""

from matplotlib.figure import Figure

from cnnlab.report.page.content import Content
from cnnlab.report.page.figures.contested import draw_contested
from cnnlab.report.page.figures.curves import draw_curves_by_epoch, draw_curves_by_second
from cnnlab.report.page.figures.dot_plot import draw_dot_plot
from cnnlab.report.page.figures.grids import draw_comparisons, draw_heat_map, draw_per_class
from cnnlab.report.page.figures.scales import draw_effects, draw_parallel, draw_sensitivity
from cnnlab.report.page.figures.style import Draw
from cnnlab.report.page.figures.svg import inline_svg, save_png, save_svg
from cnnlab.report.page.figures.targets import draw_targets_by_epoch, draw_targets_by_second
from cnnlab.report.page.figures.tuning import draw_tuning_curves, draw_tuning_trials

FIGURES: dict[str, Draw] = {
    "dot_plot": draw_dot_plot,
    "comparisons": draw_comparisons,
    "curves_by_epoch": draw_curves_by_epoch,
    "curves_by_second": draw_curves_by_second,
    "targets_by_epoch": draw_targets_by_epoch,
    "targets_by_second": draw_targets_by_second,
    "sensitivity": draw_sensitivity,
    "tuning_trials": draw_tuning_trials,
    "tuning_curves": draw_tuning_curves,
    "heat_map": draw_heat_map,
    "parallel": draw_parallel,
    "effects": draw_effects,
    "per_class": draw_per_class,
    "contested": draw_contested,
}

__all__ = ["FIGURES", "draw_figures", "inline_svg", "save_png", "save_svg"]


def draw_figures(content: Content) -> dict[str, Figure]:
    """All figures that the content has data for, by name, in the page's order.

    Args:
        content: report.json's.
    """
    figures = {name: draw(content) for name, draw in FIGURES.items()}
    return {name: figure for name, figure in figures.items() if figure is not None}

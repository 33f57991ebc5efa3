"""What a figure leaves out: a picture of everything would be too large to read."""

from cnnlab.report.page.content import Content
from cnnlab.report.page.figures.curves import MAX_PANELS, curves_of
from cnnlab.report.page.figures.grids import MAX_ROWS
from cnnlab.report.page.figures.scales import MAX_AXES, MAX_CONFIGURATIONS, MAX_FACTORS

Cut = tuple[str, int, int]  # what, how many are drawn at most, how many there are


def cuts(name: str, content: Content) -> list[Cut]:
    """What of its content a figure has room for, and what there is.

    Args:
        name: Of the figure.
        content: report.json's.
    """
    tuned = (content["tuning"] or {}).get("configurations", [])
    configurations, heat_map = content["configurations"], content["heat_map"] or {}
    rows, columns = (len(heat_map.get(f"{key}_values", [])) for key in ("row", "column"))
    by_name: dict[str, list[Cut]] = {
        "dot_plot": [("configurations", MAX_ROWS, len(configurations))],
        "comparisons": [("configurations", MAX_ROWS, len(configurations))],
        "per_class": [("configurations", MAX_ROWS, len((content["disagreement"] or {}).get("per_class", [])))],
        "targets_by_epoch": [("configurations", MAX_PANELS, len(configurations))],
        "targets_by_second": [("configurations", MAX_PANELS, len(configurations))],
        "curves_by_epoch": [("configurations", MAX_PANELS, _num_curves(content))],
        "curves_by_second": [("configurations", MAX_PANELS, _num_curves(content))],
        "tuning_trials": [("configurations", MAX_PANELS, len(tuned))],
        "tuning_curves": [("configurations", MAX_PANELS, len(tuned))],
        "sensitivity": [("lines", MAX_PANELS, len((content["sensitivity"] or {}).get("lines", [])))],
        "heat_map": [("rows", MAX_ROWS, rows), ("columns", MAX_ROWS, columns)],
        "effects": [("factors", MAX_FACTORS, len((content["effects"] or {}).get("factors", [])))],
        "parallel": [
            ("configurations", MAX_CONFIGURATIONS, sum(bool(each["val"]) for each in configurations)),
            ("values", MAX_AXES, len(content["varied"])),
        ],
    }
    return by_name.get(name, [])


def _num_curves(content: Content) -> int:
    split, _ = curves_of(content, "epochs")
    return len({curve["configuration"] for curve in content["curves"] or [] if curve["split"] == split})

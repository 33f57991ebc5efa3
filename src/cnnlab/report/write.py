"""Writes a sweep's report into its folder."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from cnnlab.errors import UserError
from cnnlab.files import make_folder, write_atomically
from cnnlab.report.content import Settings, build, ranked
from cnnlab.report.page import render
from cnnlab.report.page.content import Cleaned, cleaned
from cnnlab.report.page.figures import draw_figures, save_png, save_svg
from cnnlab.report.runs import read_runs
from cnnlab.report.stages import previous_report
from cnnlab.report.tables import comparisons_csv, runs_csv, summary_csv, tuning_csv
from cnnlab.report.tensorboard import write_tensorboard
from cnnlab.report.tuning import Tuning

FOLDER = "report"  # in the sweep's folder


def write_report(folder: Path, settings: Settings) -> dict[str, Any]:
    """Writes `report/` into a sweep's folder: report.json and, from the same numbers, tables, page, TensorBoard's.

    Args:
        folder: The sweep's folder.
        settings: The user's choices.

    Returns:
        The content of report.json.

    Raises:
        UserError: If the sweep has no runs, or the report cannot be written.
    """
    runs, left_out = read_runs(folder)
    previous = previous_report(folder / FOLDER / "report.json")
    content: dict[str, Any] = cleaned(build(folder, runs, left_out, settings, previous))
    figures = draw_figures(Cleaned(content))
    files = {
        "report.json": json.dumps(content, ensure_ascii=False, allow_nan=False),
        "runs.csv": runs_csv(runs, content["varied"]),
        "summary.csv": summary_csv(content),
        "comparisons.csv": comparisons_csv(content),
        "tuning.csv": tuning_csv(content),
        "index.html": render(content, figures),
    }
    path = folder / FOLDER
    try:
        make_folder(path)
        for name, text in files.items():
            if text is None:
                (path / name).unlink(missing_ok=True)  # an earlier report's
            else:
                write_atomically(path / name, text.encode(errors="replace"))
        _write_figures(path / "figures", figures)
        seen = [run for run in runs if run.seed in content["budget"]["seeds"]]
        write_tensorboard(path, content, *ranked(seen, Tuning.of(folder, seen), settings))
    except OSError as error:
        what = f"cannot write {error.filename or path} ({error.strerror})"
        raise UserError(f"{what}; free its place, or report on a copy of the sweep") from None
    return content


def _write_figures(folder: Path, figures: Mapping[str, Figure]) -> None:
    """Writes each figure as SVG and PNG; those of an earlier report, which may have had others, go."""
    make_folder(folder)
    for path in (*folder.glob("*.svg"), *folder.glob("*.png")):
        path.unlink()
    for name, figure in figures.items():
        save_svg(figure, folder / f"{name}.svg", name)
        save_png(figure, folder / f"{name}.png")

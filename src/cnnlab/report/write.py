"""Writes a sweep's report into its folder."""

import json
from pathlib import Path
from typing import Any

from cnnlab.errors import UserError
from cnnlab.files import make_folder, write_atomically
from cnnlab.report.content import Settings, build
from cnnlab.report.runs import read_runs
from cnnlab.report.tables import comparisons_csv, runs_csv, summary_csv

FOLDER = "report"  # in the sweep's folder


def write_report(folder: Path, settings: Settings) -> dict[str, Any]:
    """Writes `report/` into a sweep's folder: report.json and, drawn from it, the tables and the page.

    Args:
        folder: The sweep's folder.
        settings: The user's choices.

    Returns:
        The content of report.json.

    Raises:
        UserError: If the sweep has no runs, or the report cannot be written.
    """
    runs, left_out = read_runs(folder)
    content = build(folder, runs, left_out, settings)
    files = {
        "report.json": json.dumps(content, ensure_ascii=False, allow_nan=False),
        "runs.csv": runs_csv(runs, content["varied"]),
        "summary.csv": summary_csv(content),
        "comparisons.csv": comparisons_csv(content),
    }
    path = folder / FOLDER
    try:
        make_folder(path)
        for name, text in files.items():
            write_atomically(path / name, text.encode(errors="replace"))
    except OSError as error:
        line = f"cannot write {path} ({error.strerror}); free its place, or report on a copy of the sweep"
        raise UserError(line) from None
    return content

"""python scripts/curve.py RUN PICTURE: draws a run's learning curve, from its metrics.csv, into a PNG or SVG file."""

import argparse
from pathlib import Path

from cnnlab.errors import UserError
from cnnlab.report import draw_curve, read_metrics


def main() -> None:
    """Reads the command line, draws, saves."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", type=Path, help="a run folder")
    parser.add_argument("picture", type=Path, help="the file to write")
    parser.add_argument("--title", default="", help="what was trained")
    arguments = parser.parse_args()
    if not (arguments.run / "metrics.csv").is_file():
        parser.error(f"{arguments.run} has no metrics.csv; give a run folder such as outputs/runs/<time>-<name>")
    try:
        metrics = read_metrics(arguments.run)
    except UserError as error:
        parser.error(str(error))
    draw_curve(metrics, arguments.title).savefig(arguments.picture, dpi=120)


if __name__ == "__main__":
    main()

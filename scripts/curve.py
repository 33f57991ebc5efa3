"""python scripts/curve.py FOLDER PICTURE: draws learning curves from metrics.csv into a PNG or SVG file.

For a run: its error and loss. For a sweep: each setting's validation error, mean and range over seeds.
"""

import argparse

from cnnlab.cli.figure_file import write_figure
from cnnlab.cli.output import safe_output
from cnnlab.errors import UserError
from cnnlab.file_errors import why_unreadable
from cnnlab.files import user_path
from cnnlab.report import draw_curve, draw_curves, read_metrics


def main() -> None:
    """Reads the command line, draws, saves."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=user_path, help="the folder of a run or a sweep")
    parser.add_argument("picture", type=user_path, help="the file to write")
    parser.add_argument("--title", default="", help="the figure's title")
    arguments = parser.parse_args()
    folder, title = arguments.folder, arguments.title
    if (why := why_unreadable(folder)) is not None:
        parser.error(why)
    is_run = (folder / "metrics.csv").is_file()
    if not is_run and not any(folder.glob("*/result.json")):
        parser.error(f"{folder} has no metrics.csv and no runs; give the folder of a run or a sweep")
    try:
        figure = draw_curve(read_metrics(folder), title) if is_run else draw_curves(folder, title)
    except UserError as error:
        parser.error(str(error))
    write_figure(figure, arguments.picture, parser)


if __name__ == "__main__":
    with safe_output():
        main()

"""python scripts/layers.py RUN [RUN …] [--picture FILE]: what every layer did, from runs with callbacks=full.

Of one run, gradients, updates, saturation and dead units by layer over its steps; of several, each one's last
measurement on the same axes.
"""

import argparse

from cnnlab.cli.figure_file import write_figure
from cnnlab.cli.output import safe_output
from cnnlab.files import user_path
from cnnlab.observe.diagnostics import FILE, read_diagnostics
from cnnlab.observe.layer_figure import draw_layers


def main() -> None:
    """Reads the command line, draws, saves."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", type=user_path, nargs="+", help="folders of runs")
    parser.add_argument("--picture", type=user_path, default="layers.png", help="the file to write, a PNG or an SVG")
    arguments = parser.parse_args()
    found = [(folder.name, read_diagnostics(folder / FILE)) for folder in arguments.runs]
    for folder, (_, rows) in zip(arguments.runs, found, strict=True):
        if not rows:
            parser.error(f"{folder} has no {FILE}; give the folder of a run with callbacks=full")
    write_figure(draw_layers(found), arguments.picture, parser)


if __name__ == "__main__":
    with safe_output():
        main()

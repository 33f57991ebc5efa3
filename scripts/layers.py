"""python scripts/layers.py RUN [RUN …] [--picture FILE]: what every layer did, from runs with callbacks=full.

Of one run, gradients, updates, saturation and dead units by layer over its steps; of several, each one's last
measurement on the same axes. Of one run it also prints how the network started: the variance of what goes into each
activation, comes out, and comes back as a gradient, and the loss beside that of equal logits.
"""

import argparse
import math
from collections.abc import Sequence
from pathlib import Path

from cnnlab.cli.figure_file import write_figure
from cnnlab.cli.output import safe_output
from cnnlab.cli.parser import Parser
from cnnlab.files import user_path
from cnnlab.observe.diagnostics import FILE, read_diagnostics
from cnnlab.observe.initial_report import format_variances, layer_variances
from cnnlab.observe.layer_figure import Row, draw_layers
from cnnlab.observe.probe import WHOLE, Reading
from cnnlab.run.folder import RunFolder


def main() -> None:
    """Reads the command line, draws, saves."""
    parser = Parser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", type=user_path, nargs="+", help="folders of runs")
    parser.add_argument("--picture", type=user_path, default="layers.png", help="the file to write, a PNG or an SVG")
    arguments = parser.parse_args()
    found = [(folder.name, read_diagnostics(folder / FILE)) for folder in arguments.runs]
    for folder, (_, rows) in zip(arguments.runs, found, strict=True):
        if not rows:
            parser.error(f"{folder} has no {FILE}; give the folder of a run with callbacks=full")
    if len(found) == 1:
        print_start(arguments.runs[0], found[0][1])
    write_figure(draw_layers(found), arguments.picture, parser)


def print_start(run: Path, rows: Sequence[Row]) -> None:
    """Prints the variances before the first step, and the loss.

    Args:
        run: The run's folder.
        rows: Of its diagnostics.
    """
    readings = [Reading(*row[2:]) for row in rows if row[0] == 0]
    losses = [each.value for each in readings if each[:2] == (WHOLE, "loss")]
    if not losses:
        return
    num_classes = RunFolder(run).config().data.num_classes
    print(f"before the first step, variances:\n{format_variances(layer_variances(readings))}")
    print(f"loss {losses[0]:.3f}; the cross-entropy of equal logits is ln {num_classes} = {math.log(num_classes):.3f}")


if __name__ == "__main__":
    with safe_output():
        main()

"""python scripts/loss_surface.py RUN [--picture FILE]: the loss around the weights of a run with callbacks=snapshots.

Three planes: two random directions, normalised by filter; the two in which the training's path varies most, with the
path; and the same of a random walk, whose path looks alike. With --sharpness also the largest eigenvalue of the loss's
Hessian before and after the training, beside what the learning rate bears.
"""

import argparse
from pathlib import Path

from cnnlab.cli.figure_file import write_figure
from cnnlab.cli.output import safe_output
from cnnlab.cli.parser import Parser
from cnnlab.errors import UserError
from cnnlab.files import user_path


def main() -> None:
    """Reads the command line, measures, draws, saves."""
    parser = Parser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=user_path, help="the folder of a completed run")
    parser.add_argument("--picture", type=user_path, default="loss_surface.png", help="the file to write, PNG or SVG")
    parser.add_argument("--points", type=int, default=21, help="of the grid, along each direction")
    parser.add_argument("--images", type=int, default=500, help="training images on which the loss is measured")
    parser.add_argument("--sharpness", action="store_true", help="prints the Hessian's largest eigenvalue, too")
    arguments = parser.parse_args()
    for name, least in (("points", 2), ("images", 1)):
        if (value := getattr(arguments, name)) < least:
            parser.error(f"--{name} {value} is not allowed; it must be >= {least}")

    from cnnlab.apply.load import load_finished
    from cnnlab.data import evenly_spaced
    from cnnlab.observe import read_snapshots
    from cnnlab.observe.curvature import largest_eigenvalue
    from cnnlab.observe.loss_planes import planes
    from cnnlab.observe.loss_surface_figure import draw_surfaces

    try:
        snapshots = read_snapshots(arguments.run)
        classifier, data = load_finished(arguments.run)
        network, loss = classifier.network, classifier.loss
        images, labels = (evenly_spaced(part, arguments.images) for part in data.part("train"))
        if arguments.sharpness:
            found = []
            for epoch in (min(snapshots), max(snapshots)):
                network.load_state_dict(snapshots[epoch])
                found.append(f"{largest_eigenvalue(network, loss, images, labels):.3g} after epoch {epoch}")
            print(f"largest eigenvalue of the Hessian: {', '.join(found)}{stability_limit(arguments.run)}")
        figure = draw_surfaces(planes(network, loss, images, labels, list(snapshots.values()), arguments.points))
    except UserError as error:
        parser.error(str(error))
    write_figure(figure, arguments.picture, parser)


def stability_limit(run: Path) -> str:
    """Above which eigenvalue the run's gradient descent diverges: 2(1 + β)/η; empty for other optimisers than SGD."""
    from cnnlab.observe.curvature import largest_stable_eigenvalue
    from cnnlab.run.folder import RunFolder

    optimizer = RunFolder(run).config().optimizer
    momentum = float(optimizer.get("momentum", 0.0))
    if optimizer.get("_target_") != "torch.optim.SGD" or optimizer.get("nesterov"):
        return ""
    limit = largest_stable_eigenvalue(float(optimizer.lr), momentum)
    formula = "2(1 + momentum)/lr" if momentum else "2/lr"
    return f"; gradient descent diverges above {formula} = {limit:.3g}"


if __name__ == "__main__":
    with safe_output():
        main()

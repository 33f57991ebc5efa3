"""python scripts/tta.py RUN [RUN ...] [--shift PIXELS]: test accuracy with and without test-time augmentation.

RUN is a finished run, such as outputs/accuracy/best/0. A prediction is the mean over five views: the image, and the
image shifted by a pixel up, down, left and right. result.json is not changed: its accuracy is without augmentation.
"""

import argparse
import sys
from statistics import mean

from cnnlab.cli.output import safe_output
from cnnlab.files import user_path


def main() -> None:
    """Prints a line per run, and the means."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", nargs="+", type=user_path, help="run folders")
    parser.add_argument("--shift", type=int, default=1, help="shift of the views, in pixels")
    arguments = parser.parse_args()
    if arguments.shift < 1:
        parser.error(f"--shift {arguments.shift} is not allowed; it must be >= 1")

    from cnnlab.apply.load import load_finished
    from cnnlab.apply.predict import probabilities
    from cnnlab.errors import UserError

    pairs = []
    for folder in arguments.runs:
        try:
            classifier, data = load_finished(folder)
        except UserError as error:
            print(f"error: {error}", file=sys.stderr)
            sys.exit(2)
        images, labels = data.part("test")
        views = [probabilities(classifier.network, images, shift, data.background) for shift in (0, arguments.shift)]
        pairs.append([(probability.argmax(dim=1) == labels).double().mean().item() for probability in views])
        print(f"{folder}: test accuracy {pairs[-1][0]:.2%}, with test-time augmentation {pairs[-1][1]:.2%}", flush=True)
    plain, augmented = (mean(accuracies) for accuracies in zip(*pairs, strict=True))
    print(f"mean of {len(pairs)}: {plain:.3%}, with test-time augmentation {augmented:.3%}")


if __name__ == "__main__":
    with safe_output():
        main()

"""python scripts/report.py SWEEP [--margin POINTS] [--baseline NAME] [--language en|ko] …: what a sweep's runs tell.

Writes SWEEP/report/: report.json, which has every number, index.html, runs.csv, summary.csv, comparisons.csv and
TensorBoard's curves; prints the summary.
"""

import argparse

from cnnlab.cli.output import safe_output
from cnnlab.errors import UserError
from cnnlab.files import user_path
from cnnlab.report.conclude import print_report
from cnnlab.report.content import Settings
from cnnlab.report.messages import LANGUAGES
from cnnlab.report.summaries import TARGETS
from cnnlab.report.write import write_report


def main() -> None:
    """Reads the command line, writes, prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sweep", type=user_path, help="a sweep's folder, such as outputs/sweeps/optimizers")
    parser.add_argument("--margin", type=float, help="a difference that does not matter, in points, such as 0.1")
    parser.add_argument("--baseline", help="compare all with this configuration, such as momentum, not all pairs")
    parser.add_argument("--language", choices=LANGUAGES, default="en", help="of sentences and page")
    parser.add_argument(
        "--targets",
        type=_fractions,
        help="validation accuracies whose times are shown, such as 0.97,0.99",
        default=TARGETS,
    )
    parser.add_argument("--mix-versions", action="store_true", help="average runs of different versions, not apart")
    arguments = parser.parse_args()
    margin = arguments.margin
    if margin is not None and not 0 < margin < 100:
        parser.error(f"--margin {margin:g} is not allowed; it must be above 0 and below 100 points, such as 0.1")
    settings = Settings(
        margin=None if margin is None else margin / 100,
        baseline=arguments.baseline,
        language=arguments.language,
        targets=arguments.targets,
        mix_versions=arguments.mix_versions,
    )
    try:
        content = write_report(arguments.sweep, settings)
    except UserError as error:
        parser.error(str(error))
    print_report(arguments.sweep, content)


def _fractions(text: str) -> tuple[float, ...]:
    """Different fractions, in order."""
    try:
        found = sorted({float(part) for part in text.split(",")})
    except ValueError:
        found = []
    if not found or not all(0 < each <= 1 for each in found):
        raise argparse.ArgumentTypeError(f"{text} is not allowed; give numbers above 0 and up to 1, such as 0.97,0.99")
    return tuple(found)


if __name__ == "__main__":
    with safe_output():
        main()

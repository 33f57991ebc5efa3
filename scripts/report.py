"""python scripts/report.py SWEEP [--margin POINTS] [--baseline NAME] [--language en|ko] …: what a sweep's runs tell.

Writes SWEEP/report/: report.json, which has every number, index.html, runs.csv, summary.csv, comparisons.csv and
TensorBoard's curves; prints the summary.
"""

import argparse
import math
import shlex

from cnnlab.cli.output import safe_output
from cnnlab.cli.parser import Parser
from cnnlab.errors import UserError
from cnnlab.experiment.advice import percent_advice
from cnnlab.experiment.schema import RULES
from cnnlab.files import user_path
from cnnlab.report.conclude import print_report
from cnnlab.report.content import Settings
from cnnlab.report.messages import LANGUAGES
from cnnlab.report.summaries import TARGETS
from cnnlab.report.write import write_report

ALLOWED = {
    "margin": "a number of points above 0 and below 100, such as 0.1",
    "targets": "different numbers above 0 and up to 1, such as 0.97,0.99",
    "language": " or ".join(LANGUAGES),
}


def main() -> None:
    """Reads the command line, writes, prints."""
    parser = Parser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sweep", help="a sweep's folder, such as outputs/sweeps/optimizers")
    parser.add_argument(
        "--margin", metavar="POINTS", help="a difference of test accuracy that does not matter, in points, such as 0.1"
    )
    parser.add_argument(
        "--baseline", metavar="NAME", help="compare all with this configuration, such as momentum, not all pairs"
    )
    parser.add_argument("--language", metavar="|".join(LANGUAGES), default="en", help="of sentences and page")
    parser.add_argument(
        "--targets",
        metavar="FRACTIONS",
        help="validation accuracies whose times are shown, as fractions, such as 0.97,0.99",
        default=",".join(map(str, TARGETS)),
    )
    parser.add_argument("--mix-versions", action="store_true", help="average runs of different versions, not apart")
    arguments = parser.parse_args()
    try:
        if not arguments.sweep:
            raise UserError("'' is no folder; give a sweep's folder, such as outputs/sweeps/optimizers")
        folder = user_path(arguments.sweep)
        content = write_report(folder, _settings(arguments), "--{name} {value}")
    except UserError as error:
        parser.error(str(error))
    print_report(folder, content)


def _settings(arguments: argparse.Namespace) -> Settings:
    """What was typed, if the rules of a sweep's `report.…` allow it."""
    margin = None if arguments.margin is None else _number(arguments.margin)
    targets = [_number(text) for text in arguments.targets.split(",")]
    for name, value in {"margin": margin, "targets": targets, "language": arguments.language}.items():
        if not (rule := RULES[f"report.{name}"]).holds(value):
            typed = shlex.quote(getattr(arguments, name))
            advice = percent_advice(f"report.{name}", value, rule)
            raise UserError(f"--{name} {typed} is not allowed; it must be {ALLOWED[name]}{advice}")
    return Settings(
        margin=None if margin is None else margin / 100,
        baseline=arguments.baseline,
        language=arguments.language,
        targets=tuple(sorted(targets)),
        mix_versions=arguments.mix_versions,
    )


def _number(text: str) -> float:
    """A text as a number: NaN, which no rule allows, if it is none."""
    try:
        return float(text)
    except ValueError:
        return math.nan


if __name__ == "__main__":
    with safe_output():
        main()

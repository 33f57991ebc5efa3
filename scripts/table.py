"""python scripts/table.py SWEEP: a sweep's runs as a table in Markdown, over seeds."""

import argparse

from cnnlab.cli.output import safe_output
from cnnlab.errors import UserError
from cnnlab.files import user_path
from cnnlab.report import format_markdown, read_results, tabulate


def main() -> None:
    """Reads the command line, prints."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sweep", type=user_path, help="a sweep's folder, such as outputs/sweeps/optimizers")
    arguments = parser.parse_args()
    try:
        results = read_results(arguments.sweep)
    except UserError as error:
        parser.error(str(error))
    print(format_markdown(*tabulate(results)))


if __name__ == "__main__":
    with safe_output():
        main()

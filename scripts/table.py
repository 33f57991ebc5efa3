"""python scripts/table.py SWEEP: a sweep's runs as a table in Markdown, over seeds."""

import argparse
from pathlib import Path

from cnnlab.errors import UserError
from cnnlab.report import format_markdown, read_results, tabulate


def main() -> None:
    """Reads the command line, prints."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sweep", type=Path, help="a sweep's folder, such as outputs/sweeps/optimizers")
    arguments = parser.parse_args()
    try:
        results = read_results(arguments.sweep)
    except UserError as error:
        parser.error(str(error))
    print(format_markdown(*tabulate(results)))


if __name__ == "__main__":
    main()

"""Writes a figure into the file that a script's user names."""

import argparse
import io
from pathlib import Path

from matplotlib.figure import Figure


def write_figure(figure: Figure, picture: Path, parser: argparse.ArgumentParser) -> None:
    """Writes a figure and says where; what keeps it from that ends the program with a line and exit code 2.

    Args:
        figure: To draw.
        picture: The file, a PNG unless its name says otherwise.
        parser: Whose `error` ends the program.
    """
    picture = picture if picture.suffix else picture.with_suffix(".png")
    content = io.BytesIO()
    try:
        figure.savefig(content, dpi=120, format=picture.suffix[1:])
        picture.write_bytes(content.getvalue())
    except ValueError as error:  # the format, or a formula in a title
        parser.error(f"{picture}: {' '.join(str(error).split())}")
    except OSError as error:
        parser.error(f"cannot write {picture} ({error.strerror}); give another file")
    print(f"written: {picture}")

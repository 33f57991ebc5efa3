"""The files of a data set: where they lie, in their folder or one level off torchvision's layout, and gzip."""

import contextlib
import hashlib
import zlib
from collections.abc import Iterator
from pathlib import Path

from cnnlab.files import read_file

MAX_BYTES = 1 << 22  # of the file that identifies a data set, its test labels
PIECE_BYTES = 1 << 13


def find_files(folder: Path, published_as: str, sha256: dict[str, str]) -> dict[str, Path]:
    """The files of a data set that are there, all from one folder.

    Args:
        folder: Where they belong: `<root>/<published_as>/raw`, or any folder.
        published_as: Torchvision's name of the data set.
        sha256: File name to SHA-256 of its content.

    Returns:
        File name to path: of all files if a folder has them all, else of those in `folder`.
    """
    found = in_folder(folder, sha256)
    if len(found) == len(sha256):
        return found
    for other in _other_places(folder, published_as):
        elsewhere = in_folder(other, sha256)
        # other data sets have files of the same names: the labels of the test images, a small file, tell them apart
        if len(elsewhere) == len(sha256) and _is_published(*list(elsewhere.items())[-1], sha256):
            return elsewhere
    return found


def in_folder(folder: Path, names: dict[str, str]) -> dict[str, Path]:
    """The files in one folder: `name`, `name.gz`, `name/name`, or with MNIST's `.idx` in place of `-idx`.

    Args:
        folder: The folder.
        names: File names.
    """
    found = {}
    for name in names:
        dotted = name.replace("-idx", ".idx")
        candidates = (name, f"{name}.gz", f"{name}/{name}", dotted, f"{dotted}.gz", f"{dotted}/{dotted}")
        paths = (folder / candidate for candidate in dict.fromkeys(candidates))
        if (path := next((path for path in paths if path.is_file()), None)) is not None:
            found[name] = path
    return found


def gunzip(content: bytes, max_bytes: int) -> bytes:
    """Decompresses gzip content, all its members (RFC 1952); of a damaged file as far as possible.

    Args:
        content: The compressed file.
        max_bytes: What is longer is cut there, so that a small file cannot fill the memory.
    """
    plain, member = bytearray(), zlib.decompressobj(wbits=31)
    with contextlib.suppress(zlib.error):
        for start in range(0, len(content), PIECE_BYTES):  # a member's end copies what follows it
            piece = content[start : start + PIECE_BYTES]
            while piece and len(plain) < max_bytes:
                plain += member.decompress(piece, max_bytes - len(plain))
                piece = member.unused_data
                if member.eof:
                    member = zlib.decompressobj(wbits=31)
    return bytes(plain)


def _other_places(folder: Path, published_as: str) -> Iterator[Path]:
    """Where the files are if the root is named one or two levels too deep, or one too high."""
    if (folder.parent.name, folder.name) != (published_as, "raw"):
        yield folder / published_as / "raw"
        return
    root = folder.parents[1]
    yield from (folder.parent, root / "raw", root)
    yield from (root / published_as.lower() / "raw", root / published_as.lower())
    try:
        children = sorted(child for child in root.iterdir() if child.is_dir())
    except OSError:
        return
    yield from (child / published_as / "raw" for child in children)


def _is_published(name: str, path: Path, sha256: dict[str, str]) -> bool:
    try:
        content = read_file(path, MAX_BYTES)
    except OSError:
        return False
    if path.suffix == ".gz" and not name.endswith(".gz"):
        content = gunzip(content, MAX_BYTES)
    return hashlib.sha256(content).hexdigest() == sha256[name].lower()

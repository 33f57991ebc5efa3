"""MNIST's file format, IDX: a magic number, the sizes, then the bytes."""

import contextlib
import io
import math
import socket
import struct
import tempfile
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch

from cnnlab.data.source import Images, check_sha256
from cnnlab.errors import UserError

TIMEOUT_S = 6.0  # per read; torchvision tries an address up to three times: 18 s for a mirror that hangs


class IdxFiles:
    """A data set in four files like MNIST's: training and test images, all of one size, and their labels.

    Args:
        folder: Where the files are, or are downloaded to.
        mirrored_as: The class of `torchvision.datasets` that has the mirrors.
        sha256: File name to SHA-256. A name without `.gz` means the plain content, whether the file is plain or a
            `.gz`; a name with `.gz` means the compressed file, and only that file is read.

    Raises:
        UserError: If a name is a path: a download would write it outside the folder.
    """

    def __init__(self, folder: str | Path, mirrored_as: str, sha256: dict[str, str]) -> None:
        self.folder = Path(folder).expanduser()
        self.mirrored_as = mirrored_as
        self.sha256 = dict(sha256)
        if paths := [name for name in self.sha256 if name in ("", "..") or Path(name).name != name]:
            raise UserError(f"data.files.sha256 has {paths[0]}, which is not the name of a file in data.files.folder")

    def missing(self) -> list[Path]:
        """The missing files: neither plain nor compressed."""
        return [self.folder / name for name in self.sha256 if self._find(name) is None]

    def download(self) -> None:
        """Downloads the files from torchvision's mirrors, with a progress bar and its MD5 checks.

        They are downloaded to a temporary folder and moved when all are complete, so that no partial file remains.

        Raises:
            OSError: If no mirror has all the files; the text has a reason per mirror.
        """
        from torchvision import datasets  # takes a second, which only a download needs

        new_folders = [path for path in (self.folder, *self.folder.parents) if not path.exists()]

        published = getattr(datasets, self.mirrored_as)
        reasons = []
        for mirror in published.mirrors:
            # torchvision names the folder after the class, and tries the next mirror only after some errors
            one_mirror = type(self.mirrored_as, (published,), {"mirrors": [mirror]})
            try:
                self.folder.mkdir(parents=True, exist_ok=True)
                with (
                    tempfile.TemporaryDirectory(prefix=".download-", dir=self.folder) as staging,
                    _socket_timeout(TIMEOUT_S),
                ):
                    one_mirror(staging, download=True)
                    for name in self.sha256:
                        Path(staging, self.mirrored_as, "raw", name).replace(self.folder / name)
            except (OSError, RuntimeError) as error:
                reasons.append(f"{mirror}: {' '.join(str(error).split())}")
            else:
                return
        for path in new_folders:
            with contextlib.suppress(OSError):
                path.rmdir()
        raise OSError("; ".join(reasons))

    def load(self) -> Images:
        """Reads and checks the four files.

        Raises:
            UserError: If a file is missing, or differs from the published file.
        """
        train_images, train_labels, test_images, test_labels = (self._read(name) for name in self.sha256)
        return Images(train_images, train_labels.long(), test_images, test_labels.long())

    def _find(self, name: str) -> Path | None:
        candidates = [self.folder / name, self.folder / f"{name}.gz"]
        return next((path for path in candidates if path.is_file()), None)

    def _read(self, name: str) -> torch.Tensor:
        path = self._find(name)
        if path is None:
            raise UserError(f"{self.folder / name} and its .gz are missing; put one there, or set CNNLAB_DATA_DIR")
        content = path.read_bytes()
        if name.endswith(".gz"):
            check_sha256(path, content, self.sha256[name])
            return parse_idx(_gunzip(content))
        plain = _gunzip(content) if path.suffix == ".gz" else content
        check_sha256(path, plain, self.sha256[name])
        return parse_idx(plain)


def parse_idx(content: bytes) -> torch.Tensor:
    """Parses an IDX file of unsigned bytes.

    Args:
        content: The whole file: two zero bytes, 0x08 for uint8, the number of dimensions, each dimension
            as a big-endian uint32, and the elements in C order.

    Returns:
        A uint8 tensor of the shape in the file.

    Raises:
        ValueError: If the content is not IDX of unsigned bytes, or its length does not match its sizes.

    Reference:
        LeCun, Cortes and Burges, "The MNIST database of handwritten digits", 1998, "File formats".
    """
    if len(content) < 4 or content[:3] != b"\x00\x00\x08":
        raise ValueError(f"not an IDX file of unsigned bytes: it starts with {content[:4].hex()}")
    num_dimensions = content[3]
    header = struct.calcsize(f">4B{num_dimensions}I")
    if len(content) < header:
        raise ValueError(f"an IDX header of {header} bytes, but only {len(content)} bytes")
    sizes = struct.unpack_from(f">{num_dimensions}I", content, offset=4)
    if len(content) != header + math.prod(sizes):
        raise ValueError(f"{len(content)} bytes, but the sizes {sizes} need {header + math.prod(sizes)}")
    return torch.from_numpy(np.frombuffer(content, np.uint8, offset=header).reshape(sizes).copy())


def _gunzip(content: bytes) -> bytes:
    """Decompresses gzip content, of a damaged file as far as possible: its hash then shows the damage."""
    stream, plain = zlib.decompressobj(wbits=31), io.BytesIO()
    with contextlib.suppress(zlib.error):
        for start in range(0, len(content), 1 << 16):
            plain.write(stream.decompress(content[start : start + (1 << 16)]))
    return plain.getvalue()


@contextlib.contextmanager
def _socket_timeout(seconds: float) -> Iterator[None]:
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(seconds)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)

"""MNIST's file format, IDX: a magic number, the sizes, then the bytes."""

import contextlib
import logging
import math
import os
import shutil
import socket
import struct
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from filelock import FileLock, Timeout

from cnnlab.data.source import Expected, Images, check_part, check_sha256
from cnnlab.data_files import find_files, gunzip
from cnnlab.errors import UserError, one_line
from cnnlab.files import kind, read_file

logger = logging.getLogger(__name__)

MAX_DIMENSIONS = 4
MAX_HEADER_BYTES = 4 + 4 * 255
SMALL_BYTES = 1 << 16  # read without further thought, so that a damaged small file is told by its hash
STAGING = ".download-"
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
        if len(self.sha256) != 4:
            raise UserError(
                f"data.files.sha256 names {len(self.sha256)} files; it must name four: training images and labels, "
                "test images and labels, in this order"
            )

    def missing(self) -> list[Path]:
        """The missing files: neither plain nor compressed, nor where torchvision or an archive would put them."""
        found = self._find()
        return [self.folder / name for name in self.sha256 if name not in found]

    def download(self) -> None:
        """Downloads the files from torchvision's mirrors, with a progress bar and its MD5 checks.

        They are downloaded to a temporary folder and moved when all are complete, so that no partial file remains. Of
        processes that start at once, one downloads, and the others wait.

        Raises:
            UserError: If something else is in a file's place.
            OSError: If no mirror has all the files, or there is no room for them; the text has the reasons.
        """
        for path in (self.folder / f"{name}{ending}" for name in self.sha256 for ending in ("", ".gz")):
            if os.path.lexists(path) and not path.is_file():
                what = kind(path.stat().st_mode) if path.exists() else "a link to nothing"
                raise UserError(f"{path} is {what}, not a file; remove it, or put the file there")
        new_folders = [path for path in (self.folder, *self.folder.parents) if not path.exists()]
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with self._one_at_a_time():
                if self.missing():
                    self._download()
        except OSError:
            for path in new_folders:
                with contextlib.suppress(OSError):
                    path.rmdir()
            raise

    def _download(self) -> None:
        from torchvision import datasets  # takes a second, which only a download needs

        published: Any = getattr(datasets, self.mirrored_as, None)
        if not hasattr(published, "mirrors"):
            raise OSError(f"torchvision has no mirrors of {self.mirrored_as}")
        reasons = []
        for mirror in published.mirrors:
            # torchvision names the folder after the class, and tries the next mirror only after some errors
            one_mirror = type(self.mirrored_as, (published,), {"mirrors": [mirror]})
            with tempfile.TemporaryDirectory(prefix=STAGING, dir=self.folder) as staging:
                try:
                    with _socket_timeout(TIMEOUT_S):
                        one_mirror(staging, download=True)
                    for name in self.sha256:
                        Path(staging, self.mirrored_as, "raw", name).replace(self.folder / name)
                except (OSError, RuntimeError) as error:
                    reasons.append(f"{mirror}: {one_line(error)}")
                else:
                    return
        raise OSError("; ".join(reasons))

    @contextlib.contextmanager
    def _one_at_a_time(self) -> Iterator[None]:
        path = self.folder / ".download.lock"
        lock = FileLock(path)
        try:
            try:
                lock.acquire(blocking=False)
            except Timeout:
                logger.info("waiting for another process, which is downloading %s", self.mirrored_as)
                lock.acquire()
        except OSError:  # no locks there, or no permission: the download will say
            yield
            return
        try:
            for left in self.folder.glob(f"{STAGING}*"):  # by a process that was killed
                shutil.rmtree(left, ignore_errors=True)
            yield
        finally:
            path.unlink(missing_ok=True)
            lock.release()

    def load(self, expected: Expected | None = None) -> Images:
        """Reads and checks the four files.

        Args:
            expected: What the config says about them; a file that is larger is not read.

        Raises:
            UserError: If a file is missing, differs from the published file, or contradicts the others or the config.
        """
        found = self._find()
        if missing := [name for name in self.sha256 if name not in found]:
            raise UserError(
                f"{self.folder / missing[0]} and its .gz are missing; put one there, or set CNNLAB_DATA_DIR"
            )
        paths = list(found.values())
        if not paths[0].is_relative_to(self.folder):
            logger.info("using the files of %s in %s", self.mirrored_as, paths[0].parent)
        max_bytes = None if expected is None else expected.max_bytes
        train_images, train_labels, test_images, test_labels = (
            _read(path, name, self.sha256[name], max_bytes) for name, path in found.items()
        )
        check_part(train_images, train_labels, (paths[0], paths[1]), expected, "train")
        check_part(test_images, test_labels, (paths[2], paths[3]), expected, "test")
        return Images(train_images, train_labels.long(), test_images, test_labels.long())

    def _find(self) -> dict[str, Path]:
        return find_files(self.folder, self.mirrored_as, self.sha256)


def _read(path: Path, name: str, sha256: str, max_bytes: int | None) -> torch.Tensor:
    """Reads, checks and parses a file, of which no more is held in memory than an intact one needs.

    Args:
        path: The file.
        name: Its published name.
        sha256: Of its content; with a name that ends with `.gz`, of the compressed file.
        max_bytes: The largest content that is allowed; None for any.
    """
    content = _read_at_most(path, max_bytes)
    is_plain_hash = not name.endswith(".gz")
    if not is_plain_hash:
        check_sha256(path, content, sha256)
    if path.suffix == ".gz":
        sizes = idx_sizes(gunzip(content, MAX_HEADER_BYTES))
        declared = SMALL_BYTES if sizes is None else MAX_HEADER_BYTES + math.prod(sizes)
        if max_bytes is not None and declared > max(max_bytes + MAX_HEADER_BYTES, SMALL_BYTES):
            raise _too_large(path, f"declares the sizes {sizes}", max_bytes)
        content = gunzip(content, max(declared, SMALL_BYTES) + 1)
        if len(content) > max(declared, SMALL_BYTES):
            of_header = "not an IDX file" if sizes is None else f"its header declares the sizes {sizes}"
            raise UserError(
                f"{path} is damaged: {of_header}, but it goes on after {len(content) - 1} bytes; replace it"
            )
    if is_plain_hash:
        check_sha256(path, content, sha256)
    try:
        return parse_idx(content)
    except ValueError as error:
        raise UserError(f"{path} is not what data.files says: {error}; replace it, or correct data.files") from None


def _read_at_most(path: Path, max_bytes: int | None) -> bytes:
    # gzip adds some bytes to what it cannot compress
    limit = None if max_bytes is None else max(max_bytes + max_bytes // 64, SMALL_BYTES)
    try:
        if limit is not None and path.stat().st_size > limit:
            raise _too_large(path, f"has {path.stat().st_size} bytes", limit)
        return read_file(path, limit)
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}; make it readable, or replace it") from None


def _too_large(path: Path, what: str, limit: int) -> UserError:
    return UserError(
        f"{path} {what}, but data.num_train, data.num_test and data.image_shape allow {limit} bytes; set them to "
        "match, or replace the file"
    )


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
        start = f"starts with {content[:4].hex()}" if content else "is empty"
        raise ValueError(f"not an IDX file of unsigned bytes: it {start}")
    if content[3] > MAX_DIMENSIONS:
        raise ValueError(f"it has {content[3]} dimensions, more than number, channels, height and width")
    sizes, header = idx_sizes(content), 4 + 4 * content[3]
    if sizes is None:
        raise ValueError(f"an IDX header of {header} bytes, but only {len(content)} bytes")
    if len(content) != header + math.prod(sizes):
        raise ValueError(f"{len(content)} bytes, but the sizes {sizes} need {header + math.prod(sizes)}")
    return torch.from_numpy(np.frombuffer(content, np.uint8, offset=header).reshape(sizes).copy())


def idx_sizes(content: bytes) -> tuple[int, ...] | None:
    """The sizes in the header of an IDX file of unsigned bytes; None if the content does not start with one.

    Args:
        content: The file, or its first bytes.
    """
    if content[:3] != b"\x00\x00\x08" or len(content) < 4 or len(content) < 4 + 4 * content[3]:
        return None
    return struct.unpack_from(f">{content[3]}I", content, offset=4)


@contextlib.contextmanager
def _socket_timeout(seconds: float) -> Iterator[None]:
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(seconds)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)

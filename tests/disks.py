"""Small file systems of their own, for a disk that is full."""

import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class CannotMount(OSError):
    """This user cannot mount a file system; the text says why."""


@contextmanager
def small_disk(folder: Path, size_kb: int) -> Iterator[Path]:
    """Mounts a file system in memory.

    Args:
        folder: Where; it is created.
        size_kb: How much it holds.

    Raises:
        CannotMount: If that is not allowed here.
    """
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={size_kb}k", "cnnlab", folder]
    try:
        done = subprocess.run(mount, capture_output=True, text=True, check=False)
    except OSError as error:  # no such command
        raise CannotMount(str(error)) from None
    if done.returncode != 0:
        raise CannotMount(done.stderr.strip())
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


def resize(disk: Path, size_kb: int) -> None:
    """Gives a disk another size."""
    subprocess.run(["mount", "-o", f"remount,size={size_kb}k", disk], check=True)


def can_mount() -> bool:
    """Whether this user can mount a file system."""
    try:
        with tempfile.TemporaryDirectory() as place, small_disk(Path(place) / "probe", 100):
            return True
    except CannotMount:
        return False

"""What to do about a file that cannot be read or written, by the system's error."""

import errno
import os
from pathlib import Path

DISK_FULL = (errno.ENOSPC, errno.EDQUOT)
NO_ROOM = (*DISK_FULL, errno.EFBIG)
NOT_ALLOWED = (errno.EACCES, errno.EPERM, errno.EROFS)
IN_THE_WAY = (errno.EEXIST, errno.ENOTDIR, errno.EISDIR, errno.ELOOP)
FAILED_DISK = (errno.EIO, errno.ESTALE, errno.ENOTCONN)


def remedy(error: OSError) -> str:
    """What to do about a file that cannot be written, the beginning of a sentence."""
    if error.errno in DISK_FULL:
        return "free some space"
    if error.errno == errno.EFBIG:
        return "raise the limit of files' sizes (ulimit -f)"
    if error.errno in IN_THE_WAY:
        return "remove what is there"
    if error.errno in (errno.ENOENT, errno.ENAMETOOLONG):
        return "check its path"
    return "make it writable" if error.errno in NOT_ALLOWED else "check the disk"


def why_unreadable(path: Path) -> str | None:
    """Whose permissions keep this user from reading a path, and what to do; None if none do.

    Args:
        path: A file, or a folder whose files are to be read.
    """
    there = next((part for part in (path, *path.parents) if os.path.exists(part)), None)  # noqa: PTH110  # may raise
    if there is None:
        return None
    needed = (os.R_OK if there == path else 0) | (os.X_OK if there.is_dir() else 0)
    if os.access(there, needed):
        return None
    return f"cannot read {path}: Permission denied; make {'it' if there == path else there} readable (chmod +rX)"

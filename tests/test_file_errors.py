import errno
import os

import pytest

from cnnlab.file_errors import remedy


@pytest.mark.parametrize(
    ("number", "what_to_do"),
    [
        (errno.EDQUOT, "free some space"),
        (errno.EFBIG, "raise the limit of files' sizes (ulimit -f)"),
        (errno.EROFS, "make it writable"),
        (errno.ELOOP, "remove what is there"),
        (errno.ENAMETOOLONG, "check its path"),
        (errno.EIO, "check the disk"),
    ],
)
def test_each_reason_why_a_file_cannot_be_written_has_its_own_remedy(number: int, what_to_do: str):
    assert remedy(OSError(number, os.strerror(number))) == what_to_do

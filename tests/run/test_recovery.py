import errno
import os
from pathlib import Path

import pytest

from cnnlab.program import program
from cnnlab.run.folder import RunFolder
from cnnlab.run.recovery import explain_file_error


@pytest.mark.parametrize(
    ("number", "what_to_do"),
    [
        (errno.EACCES, "make it writable"),
        (errno.EROFS, "make it writable"),
        (errno.EEXIST, "remove what is there"),
        (errno.EIO, "check the disk"),
        (errno.EFBIG, "raise the limit of files' sizes (ulimit -f)"),
    ],
)
def test_a_file_that_cannot_be_written_comes_with_the_command_that_resumes(
    tmp_path: Path, number: int, what_to_do: str
):
    folder, file = RunFolder(tmp_path / "run"), tmp_path / "run" / "checkpoints" / "last.ckpt"
    file.parent.mkdir(parents=True)
    error = OSError(number, os.strerror(number), str(file))
    assert explain_file_error(error, folder) is None, "there is nothing to resume yet"
    file.touch()
    assert explain_file_error(error, folder) == (
        f"cannot write the run's files: {os.strerror(number)}: {file}; {what_to_do}, then resume the run: "
        f"{program()} resume={tmp_path / 'run'}"
    )
    elsewhere = OSError(number, os.strerror(number), "/elsewhere")
    assert (explain_file_error(elsewhere, folder) is None) == (number != errno.EFBIG)

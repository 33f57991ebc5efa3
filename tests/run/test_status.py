"""What a status says."""

import json

import pytest

from cnnlab.run.status import Status


@pytest.mark.parametrize(
    ("status", "exit_code", "is_final", "can_resume"),
    [
        (Status.COMPLETED, 0, True, False),
        (Status.FAILED, 1, False, False),
        (Status.DIVERGED, 3, True, False),
        (Status.PRUNED, 4, True, False),
        (Status.INTERRUPTED, 130, False, True),
        (Status.KILLED, 137, False, True),
    ],
)
def test_a_status_says_what_can_be_done(status: Status, exit_code: int, is_final: bool, can_resume: bool):
    assert (status.exit_code, status.is_final, status.can_resume) == (exit_code, is_final, can_resume)
    assert ("resumed" in status.label) == can_resume
    assert json.loads(json.dumps({"status": status})) == {"status": str(status)}

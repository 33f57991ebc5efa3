"""How an error reads."""

import errno

import pytest
from hydra.errors import HydraException, MissingConfigException

from cnnlab.cli.messages import explain
from cnnlab.errors import UserError


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (UserError("seed=-1 is not allowed"), "seed=-1 is not allowed"),
        (
            MissingConfigException("", "optimizer/adma", ["adam", "sgd"]),
            "optimizer=adma is not an option; choose from adam, sgd; did you mean adam?",
        ),
        (
            HydraException("Could not override 'optimizer.rate'.\nKey 'rate' is not in struct"),
            "optimizer.rate is not in this config; --cfg job lists its keys, and +optimizer.rate=… adds this one",
        ),
        (
            HydraException("Could not override 'optimiser'.\nKey 'optimiser' is not in struct"),
            "optimiser is not in this config; did you mean optimizer?",
        ),
        (
            HydraException("Could not override 'hydra.launcher.njobs'.\nKey 'njobs' is not in struct"),
            "hydra.launcher.njobs is not in this config; --cfg hydra lists its keys",
        ),
        (
            OSError(errno.ENOSPC, "No space left on device", "last.ckpt"),
            "cannot write the run's files: No space left on device: last.ckpt; free some space, or set another "
            "hydra.run.dir",
        ),
    ],
)
def test_what_the_user_can_mend_is_one_line(error: Exception, line: str):
    assert explain(error) == line


def test_a_fault_of_ours_is_not_explained():
    assert explain(ZeroDivisionError("division by zero")) is None
    assert explain(OSError(errno.EIO, "Input/output error")) is None

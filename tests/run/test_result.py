import json
import math
from pathlib import Path

import pytest

from cnnlab.metrics import RESULT_METRICS
from cnnlab.run.folder import RunFolder
from cnnlab.run.result import Result, objective_value
from cnnlab.run.status import Status
from tests.sweep.runs import begin, job


def test_it_has_the_contracts_fields_before_anything_is_known(tmp_path: Path):
    Result().write(RunFolder(tmp_path))
    content = json.loads((tmp_path / "result.json").read_text())
    assert content["schema"] == 1
    assert content["status"] == "failed", "nothing has succeeded yet"
    assert set(content) >= {
        *("fingerprint", "choices", "overrides", "params", "seed", "metrics", "epochs", "steps", "seconds"),
        *("data", "num_params", "versions", "error"),
    }
    assert content["metrics"] == dict.fromkeys(RESULT_METRICS)
    assert set(content["seconds"]) == {"setup", "fit", "test", "to_target"}


def test_a_number_that_is_not_finite_is_null_so_that_it_cannot_rank(tmp_path: Path):
    result = Result(metrics={"val/acc": math.nan, "val/loss": math.inf}, params={"a": [1.5, -math.inf]})
    result.write(RunFolder(tmp_path))
    content = json.loads((tmp_path / "result.json").read_text(), parse_constant=lambda name: 1 / 0)
    assert content["metrics"] == {"val/acc": None, "val/loss": None}
    assert content["params"]["a"] == [1.5, None]


def killed(tmp_path: Path, before: dict | None, metrics: bytes | None) -> Result:
    one = job(tmp_path / "run")
    begin(one)
    if before is not None:
        (one.folder.path / "result.json").write_text(json.dumps(before))
    if metrics is not None:
        one.folder.metrics_csv.write_bytes(metrics)
    return Result.of_started_run(one.folder, Status.KILLED, "out of memory")


METRICS = b"epoch,step,val/acc,seconds\n1,10,.5,1\n2,20,.6,1\n"


def test_the_result_of_a_killed_run_has_the_epochs_that_it_logged(tmp_path: Path):
    result = killed(tmp_path, None, METRICS)
    assert (result.status, result.error, result.epochs, result.steps) == ("killed", "out of memory", 2, 20)
    assert (result.seed, result.params["data.name"]) == (3, "mnist_5k")


@pytest.mark.parametrize(
    ("metrics", "epochs"),
    [(None, 1), (b"", 1), (METRICS[:-5], 1), (METRICS + b"3,3", 2), (b"\xff\x00", 1), (b"a,b\n1,2\n", 1)],
)
def test_an_earlier_result_is_kept_as_far_as_it_can_be_read(tmp_path: Path, metrics: bytes | None, epochs: int):
    before = {
        "status": "interrupted",
        "epochs": 1,
        "steps": 10,
        "metrics": {"val/acc": 0.5, "foreign": 1},
        "seconds": 5,
        "num_params": "many",
        "from_the_future": {},
    }
    result = killed(tmp_path, before, metrics)
    assert (result.status, result.epochs, result.metrics["val/acc"]) == ("killed", epochs, 0.5)
    assert set(result.metrics) == set(RESULT_METRICS)
    assert result.seconds["fit"] == 0.0
    result.write(RunFolder(tmp_path / "run"))


def test_an_objective_that_is_not_there_is_none():
    for result in ({}, {"params": 3}, {"params": {"objective": "val/acc"}, "metrics": {"val/acc": "high"}}):
        assert objective_value(result) is None

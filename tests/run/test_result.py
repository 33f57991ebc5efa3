import json
import math
from pathlib import Path

from cnnlab.metrics import RESULT_METRICS
from cnnlab.run.folder import RunFolder
from cnnlab.run.result import Result


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

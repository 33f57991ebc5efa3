import subprocess
import sys
from pathlib import Path

import pytest

from cnnlab.training.compile_errors import explain_compile_error
from tests.conftest import SMALL
from tests.processes import REPOSITORY, unmeasured


@pytest.mark.slow
def test_compiling_without_a_compiler_is_the_users_mistake(tmp_path: Path):
    overrides = ("model.compile=true", f"hydra.run.dir={tmp_path}/run", "trainer.fast_dev_run=1", "logger=none")
    environment = {**unmeasured(), "CXX": "no-such-compiler", "TORCHINDUCTOR_CACHE_DIR": str(tmp_path / "cache")}
    command = [sys.executable, "train.py", *SMALL, *overrides]  # not a fork: torch reads CXX when it is imported
    done = subprocess.run(command, cwd=REPOSITORY, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 2, done.stderr
    assert "error: model.compile=true: torch.compile failed: No working C++ compiler found" in done.stderr
    assert "install a C++ compiler, such as g++, or use model.compile=false" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_networks_own_errors_are_not_blamed_on_the_compiler(compose_run):
    config = compose_run(*SMALL, "model.compile=true")
    assert explain_compile_error(RuntimeError("shapes do not fit"), config) is None

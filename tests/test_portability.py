"""What only Unix has is not needed for a run: it is taken away, see portable.py."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.conftest import REPOSITORY, SMALL
from tests.processes import PATIENCE_S, unmeasured

pytestmark = pytest.mark.slow
SHORT = (*SMALL, "trainer.limit_train_batches=5", "callbacks=light", "logger=none")


def start(*arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "tests.portable", *arguments],
        cwd=REPOSITORY, env=unmeasured(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip


def finish(process: subprocess.Popen[str]) -> tuple[int, str]:
    text, _ = process.communicate(timeout=PATIENCE_S)
    return process.returncode, text


def test_a_run_completes_and_one_that_is_interrupted_is_resumed_to_the_same_weights(tmp_path: Path):
    many = "trainer.max_epochs=60"
    code, text = finish(start(*SHORT, many, f"hydra.run.dir={tmp_path / 'whole'}"))
    assert code == 0, text
    interrupted = tmp_path / "interrupted"
    process = start(*SHORT, many, f"hydra.run.dir={interrupted}")
    while not (interrupted / "checkpoints" / "last.ckpt").exists() and process.poll() is None:
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    code, text = finish(process)
    assert code == 130, text
    code, text = finish(start(f"resume={interrupted}"))
    assert code == 0, text
    results = [json.loads((tmp_path / name / "result.json").read_text()) for name in ("whole", "interrupted")]
    assert results[0]["weights_sha256"] == results[1]["weights_sha256"]


def test_without_forked_processes_hydras_own_launcher_is_named_and_runs_the_sweep(tmp_path: Path):
    sweep = ("-m", *SHORT, "trainer.max_epochs=1", "seed=0,1", f"hydra.sweep.dir={tmp_path}")
    code, text = finish(start(*sweep))
    assert (code, text.count(os.linesep)) == (2, 1), text
    assert text.startswith("error: hydra/launcher=local is unavailable on this system")
    assert "use hydra/launcher=basic" in text
    code, text = finish(start(*sweep, "hydra/launcher=basic"))
    assert code == 0, text
    assert sorted(path.parent.name for path in tmp_path.glob("*/result.json")) == ["seed=0", "seed=1"]

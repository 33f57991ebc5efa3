import os
import subprocess
import sys
from pathlib import Path

import pytest

from cnnlab.environment import drop_unusable_backend, ignore_foreign_variables, spin_briefly
from tests.conftest import REPOSITORY, SMALL

NOTEBOOK = "module://matplotlib_inline.backend_inline"  # which `!python …` in a notebook inherits


@pytest.mark.parametrize(
    ("backend", "stays"),
    [(NOTEBOOK, False), ("module://nothing", False), ("module://", False), ("nonsense", False), ("", False),
     ("module://json", True), ("Agg", True), ("TkAgg", True)],
)  # fmt: skip
def test_a_backend_that_is_not_installed_is_dropped(monkeypatch: pytest.MonkeyPatch, backend: str, stays: bool):
    monkeypatch.delitem(sys.modules, "matplotlib", raising=False)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: name if name == "json" else None)
    monkeypatch.setenv("MPLBACKEND", backend)
    drop_unusable_backend()
    assert os.environ.get("MPLBACKEND") == (backend if stays else None)


def test_a_program_draws_into_files_and_has_no_progress_bars_of_tqdm(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("MPLBACKEND", "tkagg")
    monkeypatch.setenv("TQDM_MININTERVAL", "often")
    ignore_foreign_variables()
    assert os.environ["MPLBACKEND"] == "agg"
    assert "TQDM_MININTERVAL" not in os.environ


@pytest.mark.parametrize("chosen", [{}, {"OMP_WAIT_POLICY": "active"}, {"GOMP_SPINCOUNT": "infinity"}])
def test_threads_spin_briefly_unless_the_user_chooses(monkeypatch: pytest.MonkeyPatch, chosen: dict[str, str]):
    for name in ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT"):
        monkeypatch.delenv(name, raising=False)
    for name, value in chosen.items():
        monkeypatch.setenv(name, value)
    spin_briefly()
    found = {name: os.environ[name] for name in ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT") if name in os.environ}
    assert found == (chosen or {"GOMP_SPINCOUNT": "20000"})
    monkeypatch.setenv("GOMP_SPINCOUNT", "")  # for monkeypatch to remove


@pytest.mark.slow
def test_the_package_imports_with_a_notebooks_backend():
    code = "import cnnlab.report, cnnlab.apply.load"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=REPOSITORY, env={**os.environ, "MPLBACKEND": NOTEBOOK}, check=False
    )
    assert done.returncode == 0


@pytest.mark.slow
def test_a_run_ends_well_with_the_variables_of_a_notebook(tmp_path: Path):
    foreign = {"MPLBACKEND": NOTEBOOK, "MPLCONFIGDIR": "/proc/none", "HOME": "/proc/none", "COLUMNS": "0"}
    foreign |= {"FORCE_COLOR": "1", "CLICOLOR": "1", "TERM": "dumb", "PYTHONWARNINGS": "error", "PYTHONOPTIMIZE": "2"}
    foreign |= {"TQDM_MININTERVAL": "often", "KMP_AFFINITY": "x", "CUDA_VISIBLE_DEVICES": "x", "JPY_PARENT_PID": "1"}
    foreign |= {"HYDRA_FULL_ERROR": "0", "TF_CPP_MIN_LOG_LEVEL": "x", "OMP_NUM_THREADS": "many"}
    short = ("trainer.fast_dev_run=2", f"hydra.run.dir={tmp_path / 'run'}")
    command = [sys.executable, "train.py", *SMALL, *short]
    done = subprocess.run(command, cwd=REPOSITORY, env={**os.environ, **foreign}, check=False, capture_output=True)
    assert done.returncode == 0, done.stderr.decode()
    assert (tmp_path / "run" / "pictures" / "mistakes.png").is_file()

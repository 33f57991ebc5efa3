"""What is rejected before a sweep makes a file."""

from pathlib import Path

from tests.conftest import SMALL
from tests.processes import start


def test_a_dry_run_is_refused_where_the_launcher_would_run_the_jobs(tmp_path: Path):
    sweep = ("-m", *SMALL, "hydra/launcher=basic", "seed=0,1", "sweep.dry_run=true")
    code, text = start(tmp_path / "log", *sweep, f"hydra.sweep.dir={tmp_path / 'sweep'}").wait()
    assert (code, text.count("\n")) == (2, 1), text
    assert text.startswith("error: sweep.dry_run=true needs hydra/launcher=local")
    assert not (tmp_path / "sweep").exists()

"""The wheel: what is in it, and that it runs without the repository."""

import json
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.conftest import REPOSITORY, SMALL
from tests.processes import unmeasured

# as pip writes it into bin/
CONSOLE_SCRIPT = """
import sys
from cnnlab.cli.start import main
if __name__ == "__main__":
    sys.exit(main())
"""


def build(folder: Path, version: str) -> zipfile.ZipFile:
    wheel = pytest.importorskip("hatchling.builders.wheel", reason="needs hatchling, which make install-dev installs")
    return zipfile.ZipFile(*wheel.WheelBuilder(str(REPOSITORY)).build(directory=str(folder), versions=[version]))


@pytest.fixture(scope="module")
def cnnlab(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The console script of an installed wheel."""
    folder = tmp_path_factory.mktemp("installed")
    build(folder, "standard").extractall(folder / "lib")
    script = folder / "bin" / "cnnlab"
    script.parent.mkdir()
    script.write_text(CONSOLE_SCRIPT)
    return script


def run(cnnlab: Path, *arguments: str, folder: Path) -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, cnnlab, *arguments],
        cwd=folder, env=unmeasured() | {"PYTHONPATH": str(cnnlab.parents[1] / "lib")},
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
    )  # fmt: skip
    return done.returncode, done.stdout


def test_a_wheel_holds_the_package_the_plugins_and_every_config(tmp_path: Path):
    names = {name for name in build(tmp_path, "standard").namelist() if ".dist-info" not in name}
    source = {
        path.relative_to(REPOSITORY / "src")
        for path in (REPOSITORY / "src").rglob("*.*")
        if path.suffix in (".py", ".c", ".h", ".yaml", ".css", ".js", ".j2")
    }
    conf = {"cnnlab" / path.relative_to(REPOSITORY) for path in (REPOSITORY / "conf").rglob("*.yaml")}
    assert names == {path.as_posix() for path in source | conf} | {"cnnlab/py.typed"}


def test_an_editable_install_copies_nothing(tmp_path: Path):
    (name,) = (name for name in build(tmp_path, "editable").namelist() if ".dist-info" not in name)
    assert name.endswith(".pth")


def test_an_installed_program_finds_its_own_configs_and_names_itself(cnnlab: Path, tmp_path: Path):
    code, text = run(cnnlab, "--info", "searchpath", folder=tmp_path)
    assert code == 0, text
    assert str(cnnlab.parents[1] / "lib" / "cnnlab" / "conf") in text
    assert str(REPOSITORY) not in text
    code, text = run(cnnlab, "--help", folder=tmp_path)
    assert code == 0, text
    assert " cnnlab experiment=quick optimizer=adagrad\n" in text
    assert "train.py" not in text
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_an_installed_program_runs_a_sweep_and_skips_what_is_done(cnnlab: Path, tmp_path: Path):
    short = (*SMALL, "trainer.max_epochs=1", "trainer.limit_train_batches=3", "callbacks=light", "logger=none")
    sweep = ("-m", *short, "seed=0,1", "sweep.name=seeds")
    code, text = run(cnnlab, *sweep, folder=tmp_path)
    assert code == 0, text
    assert "scripts/report.py" not in text
    results = sorted(tmp_path.glob("outputs/sweeps/seeds/*/result.json"))
    assert [json.loads(path.read_text())["status"] for path in results] == ["completed"] * 2
    log = (tmp_path / "outputs" / "sweeps" / "seeds" / "logs" / "seed=0.log").read_text()
    assert log.startswith("$ cnnlab "), log
    before = {path: path.stat().st_mtime_ns for path in results}
    assert run(cnnlab, *sweep, folder=tmp_path)[0] == 0
    assert {path: path.stat().st_mtime_ns for path in results} == before
    assert [path.name for path in tmp_path.iterdir()] == ["outputs"]

"""How an error reads."""

import errno
import shutil
from pathlib import Path

import pytest
from hydra.errors import HydraException, MissingConfigException

from cnnlab.cli.messages import explain
from cnnlab.errors import UserError
from tests.cli.conftest import Typed


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
            "optimizer.rate is not in this config; did you mean optimizer.lr?",
        ),
        (
            OSError(errno.ENOSPC, "No space left on device", "last.ckpt"),
            "cannot write the run's files: No space left on device: last.ckpt; free some space, or set another "
            "hydra.run.dir",
        ),
        (
            PermissionError(errno.EACCES, "Permission denied", "/nowhere/run"),
            "cannot write /nowhere/run: Permission denied; choose a folder that you may write to with hydra.run.dir",
        ),
        (
            OSError(errno.EFBIG, "File too large", "last.ckpt"),
            "cannot write the run's files: File too large: last.ckpt; raise the limit of files' sizes (ulimit -f)",
        ),
        (
            FileExistsError(errno.EEXIST, "File exists", "run/checkpoints"),
            "cannot use run/checkpoints: File exists; remove what is there, or choose another",
        ),
        (
            OSError(errno.EIO, "Input/output error", "run/metrics.csv"),
            "cannot use run/metrics.csv: Input/output error; check the disk, or choose another",
        ),
        (
            OSError(errno.ENAMETOOLONG, "File name too long", "xx"),
            "cannot use the path xx: File name too long; choose another",
        ),
    ],
)
def test_what_the_user_can_mend_is_one_line(error: Exception, line: str):
    assert explain(error) == line


def test_a_fault_of_ours_is_not_explained():
    assert explain(ZeroDivisionError("division by zero")) is None
    assert explain(OSError(errno.EIO, "Input/output error")) is None


@pytest.mark.parametrize("closed", ["labels", "raw"])
def test_a_file_that_cannot_be_read_is_not_a_full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, closed: str):
    """Whose permissions are to be changed is said, the file's or those of a folder above it."""
    file = tmp_path / "raw" / "labels"
    file.parent.mkdir()
    file.touch()
    # as for anyone but root, after chmod 000
    monkeypatch.setattr("os.access", lambda path, mode: Path(path).name != closed)
    monkeypatch.setattr("os.path.exists", lambda path: closed == "labels" or Path(path).name != "labels")
    what = "it" if closed == "labels" else file.parent
    line = f"cannot read {file}: Permission denied; make {what} readable (chmod +rX), or use another"
    assert explain(PermissionError(errno.EACCES, "Permission denied", str(file))) == line


def test_a_log_that_cannot_be_opened_is_told_as_any_file():
    error = ValueError("Unable to configure handler 'file'")
    error.__cause__ = OSError(errno.ENOSPC, "No space left on device", "/run/run.log")
    line = "cannot write the run's files: No space left on device: /run/run.log; free some space, or set another"
    assert explain(error) == f"{line} hydra.run.dir"


EMPTY = "nothing follows the equals sign (an unset shell variable?)"


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["seed=1e3"], "seed=1000.0 is not allowed; it must be an integer >= 0: write seed=1000"),
        (["seed=true"], "seed=true is not allowed; it must be an integer >= 0"),
        (["seed="], f"seed= is not allowed; it must be an integer >= 0; {EMPTY}"),
        (["optimizer.lr="], f"optimizer.lr= is not allowed; it must be a number > 0; {EMPTY}"),
        (
            ["optimizer.lr=1e-3s"],
            "optimizer.lr=1e-3s is not allowed; it must be a number > 0: write optimizer.lr=1e-3",
        ),
        (["optimizer.lr=10%"], "optimizer.lr=10% is not allowed; it must be a number > 0: write optimizer.lr=0.1"),
        (["seed=３"], "seed=３ is not allowed; it must be an integer >= 0: write seed=3"),
        (["trainer.fast=yes"], "trainer.fast=yes is not allowed; it must be true or false: write trainer.fast=true"),
        (["trainer.fast=0"], "trainer.fast=0 is not allowed; it must be true or false: write trainer.fast=false"),
        (["watch=validation"], "watch=validation is not allowed; it must be val or test; did you mean watch=val?"),
        (
            ["-m", "seed=[0,1,2]"],
            "seed=[0, 1, 2] is not allowed; it must be an integer >= 0; for a sweep: -m seed=0,1,2",
        ),
        (
            ["-m", "seed=0-4"],
            "seed=0-4 is not allowed; it must be an integer >= 0; for a sweep: -m 'seed=range(0,5)'",
        ),
        (
            ["trainer.max_epochs=1,000"],
            "trainer.max_epochs=1,000 has several values; for a sweep put -m first: python train.py -m "
            "trainer.max_epochs=1,000; for one number write it without commas: trainer.max_epochs=1000",
        ),
        (["+seed=1"], "seed is in this config already; set it without +: seed=…"),
        (["~nothing"], "~nothing removes nothing: nothing is not in this config; --cfg job lists the keys"),
        (
            ["~optimizer.momentun"],
            "~optimizer.momentun removes nothing: optimizer.momentun is not in this config; did you mean "
            "optimizer.momentum?",
        ),
        (
            ["optimizer.lr='0.1'"],
            "optimizer.lr=0.1 is not allowed; it must be a number > 0, but in quotes it is a text: "
            "write optimizer.lr=0.1",
        ),
        (
            ["optimizer.lr='${oc.env:LR}'"],
            "optimizer.lr=0.1 is not allowed; it must be a number > 0, but an environment variable is a text: "
            "write 'optimizer.lr=${oc.decode:${oc.env:LR}}'",
        ),
        (
            ["optimizer.lr=${oc.env:NOT_SET}"],
            "the environment variable NOT_SET is not set; set it, or give a default: ${oc.env:NOT_SET,…}",
        ),
        (
            ["optimizer.lr=0,01"],
            "optimizer.lr=0,01 has several values; for a sweep put -m first: python train.py -m optimizer.lr=0,01; for "
            "one number write a point: optimizer.lr=0.01",
        ),
        (
            ["-m", "optimizer.lr=0,01"],
            "optimizer.lr=0 is not allowed; it must be a number > 0; a number has a point, not a comma, which "
            "separates a sweep's values",
        ),
        (
            ["optimizer=adam,sgd", "seed=1"],
            "optimizer=adam,sgd has several values; for a sweep put -m first: python train.py -m optimizer=adam,sgd "
            "seed=1",
        ),
    ],
)
def test_a_value_of_the_wrong_kind_is_one_line_with_what_to_type(
    typed: Typed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], line: str
):
    monkeypatch.setenv("LR", "0.1")
    assert typed(*arguments) == (2, f"error: {line}\n")
    assert list(tmp_path.iterdir()) == []


def test_the_advice_on_a_value_from_the_environment_works(typed: Typed, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("LR", "0.1")
    advice = typed("optimizer.lr=${oc.env:LR}")[1].partition("write '")[2].removesuffix("'\n")
    assert typed(advice, "hydra.run.dir=x")[0] == 0


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (
            "seed: ${nothing.here}",
            "seed cannot be resolved: ${nothing.here} refers to a key that does not exist; correc",
        ),
        (
            "optimizer: {lr: '${nores:1}'}",
            "optimizer.lr cannot be resolved: ${nores:…} names a resolver that does not exist; corre",
        ),
        ("seed: ${seed}", "seed cannot be resolved: its ${…} refers to itself; correct it, or set seed=…"),
        ("seed: '${'", "seed cannot be resolved: no viable alternative at input"),
    ],
)
def test_an_interpolation_that_fails_comes_with_its_key_and_file(typed: Typed, tmp_path: Path, text: str, line: str):
    file = tmp_path / "own" / "experiment" / "mine.yaml"
    file.parent.mkdir(parents=True)
    file.write_text(f"# @package _global_\n{text}\n")
    code, output = typed(f"--config-dir={tmp_path / 'own'}", "experiment=mine")
    assert (code, output.count("\n")) == (2, 1)
    assert output.startswith(f"error: {file}: {line}")


def test_an_interpolation_in_a_runs_record_comes_with_its_key_and_file(typed: Typed, tmp_path: Path):
    assert typed("hydra.run.dir=run")[0] == 0
    shutil.copytree(tmp_path / "run", tmp_path / "copy")  # whose lock nobody holds
    record = tmp_path / "copy" / ".hydra" / "config.yaml"
    record.write_text(record.read_text().replace("seed: 0", "seed: ${nothing.here}", 1))
    code, output = typed(f"resume={tmp_path / 'copy'}")
    assert (code, output.count("\n")) == (2, 1)
    assert output.startswith(f"error: {record}: seed cannot be resolved: ${{nothing.here}} refers to a key that does")

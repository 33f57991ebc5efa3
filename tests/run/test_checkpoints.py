"""What a resume starts from: its last checkpoint, or the one before it, and never another run's or a damaged one."""

import errno
import json
import logging
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from lightning import Trainer

from cnnlab.errors import UserError
from cnnlab.run import execution
from cnnlab.run.checkpoints import Checkpoints
from cnnlab.run.execution import run
from cnnlab.run.folder import RunFolder
from cnnlab.run.status import Status
from cnnlab.signals import Interrupted
from cnnlab.training.checkpoint import AtomicCheckpointIO, CheckpointError, load_checkpoint
from tests.conftest import SMALL

# the third epoch ruins the weights, so that the second is the best
RUIN = ("scheduler=step", "scheduler.milestones=[0.66]", "scheduler.factor=100")
RUN = (*SMALL, *RUIN, "trainer.max_epochs=3", "trainer.limit_train_batches=20", "logger=none", "select=best")
_FINISHED: dict[str, Path] = {}


@pytest.fixture
def folder(compose_run, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of a run that was killed after its last epoch: all but its result."""
    if not _FINISHED:
        run(compose_run(*RUN))
        _FINISHED["folder"] = tmp_path_factory.mktemp("finished") / "run"
        (tmp_path / "run").rename(_FINISHED["folder"])
    copy = shutil.copytree(_FINISHED["folder"], tmp_path / "run", dirs_exist_ok=True)
    (copy / "result.json").unlink()
    (copy / ".hydra").mkdir()
    (copy / ".hydra" / "overrides.yaml").write_text("[]")  # it has started
    return copy


def expected(name: str = "result.json") -> dict:
    return json.loads((_FINISHED["folder"] / name).read_text())


def rows(folder: Path) -> list[str]:
    return [line.rpartition(",")[0] for line in (folder / "metrics.csv").read_text().splitlines()]


def assert_ends_the_same(folder: Path) -> None:
    result = json.loads((folder / "result.json").read_text())
    for name in ("status", "weights_sha256", "epochs", "steps", "metrics", "selected_epoch", "data"):
        assert result[name] == expected()[name]
    assert rows(folder) == rows(_FINISHED["folder"])


@pytest.fixture
def other(compose_run, tmp_path: Path) -> Path:
    """The checkpoints of a run with another seed."""
    run(compose_run(*RUN, "seed=1", "optimizer.lr=0.005", "callbacks=light"))
    return (tmp_path / "run").rename(tmp_path / "other") / "checkpoints"


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-9000] ^= 4  # in the zip directory
    path.write_bytes(content)


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (flip, "is damaged (its digest differs)"),
        (lambda path: path.write_bytes(b""), "is damaged (it is empty)"),
        (lambda path: path.unlink(), "is missing"),
    ],
)
def test_a_damaged_last_checkpoint_costs_an_epoch_and_changes_no_number(
    compose_run, folder: Path, caplog: pytest.LogCaptureFixture, damage: Callable[[Path], None], reason: str
):
    last = RunFolder(folder).last_checkpoint
    damage(last)
    with caplog.at_level(logging.WARNING):
        run(compose_run(*RUN, f"resume={folder}"))
    assert [record.getMessage() for record in caplog.records] == [
        f"{last} {reason}; resuming from {last.with_name('previous.ckpt')}, before it"
    ]
    assert_ends_the_same(folder)


def lose(*names: str) -> Callable[[dict], None]:
    """A change of a checkpoint that loses one of its parts."""

    def change(checkpoint: dict) -> None:
        for name in names[:-1]:
            checkpoint = checkpoint[name]
        del checkpoint[names[-1]]

    return change


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lose("global_step"), "is not what this version writes (its global_step is missing or no int)"),
        (lose("state_dict"), "is not what this version writes (its state_dict is missing or no dict)"),
        (lose("ImageDataModule"), "is not what this version writes (its ImageDataModule is missing or no dict)"),
        (lose("train_totals"), "is not what this version writes (its loops, optimizer_states or train_totals"),
        (lose("loops", "fit_loop"), "is not what this version writes (its loops, optimizer_states or train_totals"),
        (lambda all_: all_.update(optimizer_states=[]), "is not what this version writes (its loops, optimizer_states"),
        (lose("callbacks", "History"), "is not what this version writes (its history is missing)"),
        (lambda all_: all_["callbacks"]["History"].update(rows=[{}]), "writes (its history has no rows)"),
        (lambda all_: all_["state_dict"].update(x=torch.zeros(1)), "does not fit this run (Error(s) in loading"),
        (lambda all_: all_.update(optimizer_states=[{}]), "does not fit this run ('param_groups')"),
        (lose("ImageDataModule", "place"), "does not fit this run ('place')"),
    ],
)
def test_a_signed_checkpoint_without_a_part_or_of_other_shapes_is_refused(
    compose_run, folder: Path, change: Callable[[dict], None], reason: str
):
    """Lightning passes over some parts that are missing, and the run would end in other weights."""
    one = RunFolder(folder)
    checkpoint = load_checkpoint(one.last_checkpoint)
    change(checkpoint)
    AtomicCheckpointIO(expected()["fingerprint"]).save_checkpoint(checkpoint, one.last_checkpoint)
    one.previous_checkpoint.unlink()
    with pytest.raises(CheckpointError, match=re.escape(reason)):
        run(compose_run(*RUN, f"resume={folder}"))


def test_another_runs_checkpoints_are_refused(compose_run, other: Path, folder: Path, caplog):
    one = RunFolder(folder)
    shutil.copy(other / "last.ckpt", one.last_checkpoint)
    run(compose_run(*RUN, f"resume={folder}"))
    assert "last.ckpt is of another run" in caplog.text
    assert_ends_the_same(folder)

    one.result_json.unlink()
    for name in ("last", "previous"):
        shutil.copy(other / f"{name}.ckpt", one.path / "checkpoints")
    with pytest.raises(UserError, match=rf"last\.ckpt is of another run .*previous\.ckpt; delete {folder}/checkpoints"):
        run(compose_run(*RUN, f"resume={folder}"))
    assert one.status is Status.KILLED


def test_without_a_usable_checkpoint_the_line_says_how_to_restart_and_the_folder_stays(compose_run, folder: Path):
    one = RunFolder(folder)
    for checkpoint in (one.last_checkpoint, one.previous_checkpoint):
        flip(checkpoint)
    for _ in range(2):
        with pytest.raises(UserError, match=rf"last\.ckpt is damaged .*; delete {folder}/checkpoints to restart"):
            run(compose_run(*RUN, f"resume={folder}"))
        assert not one.result_json.exists()
    shutil.rmtree(folder / "checkpoints")
    run(compose_run(*RUN, f"resume={folder}"))
    assert_ends_the_same(folder)


@pytest.mark.parametrize("damage", ["lost", "flipped", "another run's", "of another epoch"])
def test_a_lost_best_checkpoint_is_restored_if_another_has_its_weights(compose_run, folder: Path, damage: str, request):
    one = RunFolder(folder)
    if damage == "lost":
        one.best_checkpoint.unlink()
    elif damage == "flipped":
        flip(one.best_checkpoint)
    elif damage == "another run's":
        torch.save({"state_dict": {}, "global_step": 40}, one.best_checkpoint)
    else:
        shutil.copy(one.last_checkpoint, one.best_checkpoint)
        one.last_checkpoint.unlink()
    run(compose_run(*RUN, f"resume={folder}"))
    assert_ends_the_same(folder)


def test_an_unreadable_checkpoint_is_to_be_made_readable_not_deleted(
    compose_run, folder: Path, monkeypatch: pytest.MonkeyPatch
):
    def closed(path: Path) -> bytes:
        raise PermissionError(errno.EACCES, "Permission denied", str(path))

    config = compose_run(*RUN, f"resume={folder}")
    monkeypatch.setattr("cnnlab.training.checkpoint.read_file", closed)  # root may read everything
    with pytest.raises(
        UserError,
        match=r"last\.ckpt cannot be read \(Permission denied\), and so is .*; make it readable \(chmod \+r\)$",
    ):
        run(config)


def test_a_best_checkpoint_that_is_lost_during_the_fit_is_restored_too(compose_run, folder: Path):
    """As before the fit: from the last checkpoint, or the one before it."""
    one = RunFolder(folder)
    checkpoints = Checkpoints(one, expected()["fingerprint"], selects_best=True)
    row = {"epoch": 2, "step": 40}
    before = one.best_checkpoint.read_bytes()
    one.best_checkpoint.unlink()
    checkpoints.check_best(row)
    assert load_checkpoint(one.best_checkpoint)["global_step"] == 40
    assert len(one.best_checkpoint.read_bytes()) == len(before)


@pytest.mark.parametrize(
    ("lost", "way_on"), [("best", "resume the run: "), ("all", "resume the run: "), ("two", "delete ")]
)
def test_a_checkpoint_that_is_lost_during_the_test_has_its_way_on(
    compose_run, folder: Path, monkeypatch: pytest.MonkeyPatch, lost: str, way_on: str
):
    one, test = RunFolder(folder), Trainer.test

    def lose(*args, **kwargs):
        one.best_checkpoint.unlink()
        if lost == "all":
            shutil.rmtree(one.best_checkpoint.parent)
        if lost == "two":  # the last epoch is not the best
            one.previous_checkpoint.unlink()
        return test(*args, **kwargs)

    monkeypatch.setattr(Trainer, "test", lose)
    with pytest.raises(UserError, match=rf"^{one.best_checkpoint} is missing; {way_on}"):
        run(compose_run(*RUN, f"resume={folder}"))
    if way_on != "delete ":
        monkeypatch.undo()
        run(compose_run(*RUN, f"resume={folder}"))
        assert_ends_the_same(folder)


def test_a_best_checkpoint_that_nothing_replaces_is_missed_before_the_fit(
    compose_run, folder: Path, monkeypatch: pytest.MonkeyPatch
):
    one = RunFolder(folder)
    one.best_checkpoint.unlink()
    one.previous_checkpoint.unlink()  # the second epoch's too
    monkeypatch.setattr(execution, "build_trainer", lambda *args: pytest.fail("it must be noticed before"))
    with pytest.raises(
        UserError, match=r"best\.ckpt is missing; no other checkpoint has the weights of epoch 2; delete"
    ):
        run(compose_run(*RUN, f"resume={folder}"))


def test_a_finished_fit_that_resumes_gets_its_other_files_back(compose_run, folder: Path):
    (folder / "metrics.csv").write_text("epoch,step\n1,")
    shutil.rmtree(folder / "pictures")
    run(compose_run(*RUN, f"resume={folder}"))
    assert_ends_the_same(folder)
    assert len(list((folder / "pictures").iterdir())) == 3


@pytest.mark.parametrize("place", ["build_loggers", "build_trainer"])
def test_a_resume_that_is_interrupted_before_the_fit_keeps_what_was_done(
    compose_run, folder: Path, monkeypatch: pytest.MonkeyPatch, place: str
):
    before = {"status": "interrupted", **{name: expected()[name] for name in ("metrics", "data", "device")}, "new": 1}
    (folder / "result.json").write_text(json.dumps(before))

    def interrupt(*args: object) -> None:
        raise Interrupted(2)

    monkeypatch.setattr(execution, place, interrupt)
    with pytest.raises(Interrupted):
        run(compose_run(*RUN, f"resume={folder}"))
    after = json.loads((folder / "result.json").read_text())
    assert after["status"] == "interrupted"
    assert {name: after[name] for name in ("epochs", "steps", "metrics", "data", "device", "fingerprint")} == {
        name: expected()[name] for name in ("epochs", "steps", "metrics", "data", "device", "fingerprint")
    }
    assert after["seconds"]["fit"] > 0


@pytest.mark.parametrize("error", [Interrupted(15), UserError("no data"), RuntimeError("a bug")])
def test_a_result_is_not_replaced_by_that_of_a_resume_that_got_nowhere(
    compose_run, folder: Path, monkeypatch: pytest.MonkeyPatch, error: BaseException
):
    shutil.copy(_FINISHED["folder"] / "result.json", folder)

    def fail(*args: object) -> None:
        raise error

    monkeypatch.setattr(execution, "build_trainer", fail)
    with pytest.raises(type(error)):
        run(compose_run(*RUN, f"resume={folder}", "console=none"))
    assert json.loads((folder / "result.json").read_text()) == expected()


def test_a_resume_that_fails_at_once_can_still_be_resumed(compose_run, folder: Path, monkeypatch):
    (folder / "result.json").write_text('{"status": "interrupted"}')
    monkeypatch.setattr(execution, "build_loggers", lambda *args: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        run(compose_run(*RUN, f"resume={folder}"))
    assert RunFolder(folder).result() == {"status": "interrupted"}

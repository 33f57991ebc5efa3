"""A run whose disk is full after its last checkpoint: a small file system of its own."""

import errno
import os
import shutil
from contextlib import suppress
from pathlib import Path

import pytest
from lightning import Callback, LightningModule, Trainer

from cnnlab.errors import UserError
from cnnlab.run.execution import run
from cnnlab.run.folder import RunFolder
from cnnlab.run.result import Result
from cnnlab.run.status import Status
from tests.conftest import SMALL
from tests.processes import start

SHORT = (*SMALL, "trainer.max_epochs=1", "trainer.limit_train_batches=3", "logger=none")


class RemoveAtTheEnd(Callback):
    """Removes the run's folder, once nothing is left to do but to write the result."""

    def teardown(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        if stage == "test":
            shutil.rmtree(trainer.default_root_dir)


class FillAfterTest(Callback):
    """Fills the disk of the run's folder, once."""

    def on_test_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        filler = Path(trainer.default_root_dir).parent / "filler"
        with suppress(OSError), filler.open("xb", buffering=0) as file:
            while True:
                file.write(bytes(1000))


class RemoveFolder(Callback):
    """Removes the run's folder while it trains."""

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        shutil.rmtree(trainer.default_root_dir)


@pytest.mark.slow
def test_a_run_without_room_for_its_result_ends_with_2_and_is_finished_by_a_resume(disk: Path, tmp_path: Path):
    folder = disk / "run"
    fill = "+callbacks.fill._target_=tests.run.test_full_disk.FillAfterTest"
    code, text = start(tmp_path / "log", *SHORT, "callbacks=light", fill, f"hydra.run.dir={folder}").wait()
    assert code == 2, text
    assert (
        f"the run is completed, but its result is not written: No space left on device: {folder}/result.json; "
        f"free some space, then resume the run: python train.py resume={folder}"
    ) in text
    assert RunFolder(folder).status is Status.KILLED
    assert not list(folder.rglob("*.tmp"))
    (disk / "filler").write_bytes(b"")
    code, text = start(tmp_path / "log", f"resume={folder}").wait()
    assert code == 0, text
    assert RunFolder(folder).status is Status.COMPLETED


def no_space(*args: object) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "some file")


@pytest.mark.parametrize("failing", ["result.json", "a picture", "the predictions"])
def test_whatever_cannot_be_written_after_the_fit_the_line_says_resume(
    compose_run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], failing: str
):
    if failing == "result.json":
        monkeypatch.setattr(Result, "write", no_space)
    else:
        module = "observe.pictures" if failing == "a picture" else "training.predictions"
        monkeypatch.setattr(f"cnnlab.{module}.write_atomically", no_space)
    folder = tmp_path / "run"
    with pytest.raises(UserError, match=rf"No space left .* free some space, then resume the run: .*resume={folder}"):
        run(compose_run(*SHORT, "logger=tensorboard"))
    assert RunFolder(folder).result() is None or failing != "result.json"
    assert "accuracy" not in capsys.readouterr().out, "no summary of a run without a result"
    monkeypatch.undo()
    run(compose_run(*SHORT, f"resume={folder}"))
    result = RunFolder(folder).result()
    assert result is not None
    assert (result["status"], result["epochs"]) == ("completed", 1)
    assert len(list((folder / "pictures").iterdir())) == 3


@pytest.mark.parametrize("when", ["RemoveFolder", "RemoveAtTheEnd"])
def test_a_run_whose_folder_is_removed_says_so(compose_run, tmp_path: Path, when: str):
    remove = f"+callbacks.remove._target_=tests.run.test_full_disk.{when}"
    folder = tmp_path / "run"
    with pytest.raises(UserError, match=rf"^{folder} was removed while its run was at work; start the run again$"):
        run(compose_run(*SHORT, "callbacks=light", remove))
    assert not folder.exists()

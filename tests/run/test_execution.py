"""One run in this process, and all that it leaves."""

import csv
import json
import time
from pathlib import Path

import pytest
import torch
from lightning.pytorch.callbacks import DeviceStatsMonitor
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from cnnlab.errors import Diverged, UserError
from cnnlab.experiment.identity import fingerprint
from cnnlab.metrics import metric_names
from cnnlab.run.execution import run
from cnnlab.training.tensorboard import RunFolderTensorBoard
from tests.conftest import SMALL

FAST = (*SMALL, "trainer.max_epochs=2", "trainer.limit_train_batches=8")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "run"


def result_of(folder: Path) -> dict:
    return json.loads((folder / "result.json").read_text())


def rows_of(folder: Path) -> list[dict[str, str]]:
    with (folder / "metrics.csv").open() as file:
        return list(csv.DictReader(file))


def test_a_run_leaves_its_result(compose_run, folder: Path):
    objective = run(compose_run(*FAST, "optimizer=adam", "callbacks=full"))
    result = result_of(folder)
    assert result["status"] == "completed"
    assert result["error"] is None
    assert result["choices"]["optimizer"] == "adam"
    assert result["overrides"] == [*FAST, "optimizer=adam", "callbacks=full"]
    assert result["params"]["optimizer.lr"] == 0.001
    assert (result["seed"], result["epochs"], result["steps"], result["selected_epoch"]) == (0, 2, 16, 2)
    assert result["num_params"] == 21_840
    assert {name: result["data"][name] for name in ("name", "train", "val", "test")} == {
        "name": "mnist_5k", "train": 4000, "val": 500, "test": 500,
    }  # fmt: skip
    assert result["data"]["sha256"]["mnist_5k.csv.gz"].startswith("846f6cad")
    assert objective == result["metrics"]["val/acc"] > 0.3
    assert 0 < result["metrics"]["test/loss"] < 2.3

    rows = rows_of(folder)
    assert list(rows[0]) == ["epoch", "step", "lr", *metric_names("train", "val"), "seconds"]
    assert [(row["epoch"], row["step"]) for row in rows] == [("1", "8"), ("2", "16")]
    assert float(rows[-1]["val/acc"]) == result["metrics"]["val/acc"]

    assert {path.name for path in folder.iterdir()} - {"run.log"} == {
        "checkpoints", "diagnostics.csv", "metrics.csv", "pictures", "predictions.npz", "result.json",
        *(path.name for path in folder.glob("events.out.tfevents.*")),
    }  # fmt: skip
    assert len(list(folder.glob("events.*"))) == 1
    for picture in ("confusion_matrix", "mistakes", "first_layer", "layers"):
        assert (folder / "pictures" / f"{picture}.png").read_bytes().startswith(b"\x89PNG")


def test_the_checkpoint_holds_the_tested_weights_and_plain_values_only(compose_run, folder: Path):
    run(compose_run(*FAST, "logger=none", "callbacks=light"))
    checkpoint = torch.load(folder / "checkpoints" / "last.ckpt", weights_only=True)
    from cnnlab.training.build import build_classifier
    from cnnlab.training.checkpoint import weights_sha256

    classifier = build_classifier(compose_run(*FAST))
    classifier.load_state_dict(checkpoint["state_dict"])
    assert weights_sha256(classifier.network) == result_of(folder)["weights_sha256"]


def test_observing_more_does_not_change_the_numbers(compose_run, tmp_path: Path):
    weights = []
    for callbacks in ("light", "default", "full"):
        run(compose_run(*FAST, f"callbacks={callbacks}", "logger=tensorboard"))
        weights.append(result_of(tmp_path / "run")["weights_sha256"])
        (tmp_path / "run").rename(tmp_path / callbacks)
    assert len(set(weights)) == 1


def test_select_best_tests_the_best_validation_epoch(compose_run, folder: Path):
    # a learning rate that ruins the last epochs, so that the last is not the best
    ruin = ("scheduler=step", "scheduler.milestones=[0.5]", "scheduler.factor=100")
    length = ("trainer.max_epochs=4", "trainer.limit_train_batches=30")
    objective = run(compose_run(*SMALL, *ruin, *length, "select=best", "logger=none", "callbacks=light"))
    result, rows = result_of(folder), rows_of(folder)
    best = max(rows, key=lambda row: float(row["val/acc"]))
    assert int(best["epoch"]) == result["selected_epoch"] < 4
    assert objective == result["metrics"]["val/acc"] == float(best["val/acc"])
    checkpoint = torch.load(folder / "checkpoints" / "best.ckpt", weights_only=True)
    assert checkpoint["epoch"] == result["selected_epoch"] - 1
    assert result["metrics"]["test/acc"] > float(rows[-1]["val/acc"])


def test_the_lectures_protocol_watches_the_test_set_and_selects_nothing(compose_run, folder: Path, capsys):
    objective = run(compose_run("experiment=lecture", *FAST, "console=lecture", "logger=none", "callbacks=light"))
    result, rows = result_of(folder), rows_of(folder)
    assert objective is None
    assert (result["data"]["train"], result["data"]["val"], result["selected_epoch"]) == (4500, 0, 2)
    assert list(rows[0]) == ["epoch", "step", "lr", *metric_names("train", "test"), "seconds"]
    assert result["metrics"]["test/acc"] == float(rows[-1]["test/acc"])
    assert result["metrics"]["val/acc"] is None
    printed = capsys.readouterr().out
    assert "Train Epoch: 1 [0/4500 (0%)]\tLoss: " in printed
    accuracy = float(rows[-1]["test/acc"])
    assert f"[2] Test Loss: {float(rows[-1]['test/loss']):.4f}, Accuracy: {accuracy:.2%}\n" in printed


@pytest.mark.usefixtures("unreachable")
def test_everything_that_is_written_names_the_data_set_that_was_really_used(compose_run, folder: Path, tmp_path: Path):
    run(compose_run(*FAST, "data=mnist", f"data.root={tmp_path / 'nothing'}"))
    result = result_of(folder)
    assert result["data"]["name"] == result["choices"]["data"] == result["params"]["data.name"] == "mnist_5k"
    assert result["data"]["train"] == 4000
    assert result["fingerprint"] == fingerprint(compose_run(*FAST, "data=mnist_5k"))


def test_a_divergence_is_a_result(compose_run, folder: Path):
    with pytest.raises(Diverged):
        run(compose_run(*FAST, "optimizer.lr=1e12"))
    result = result_of(folder)
    assert result["status"] == "diverged"
    assert "loss became" in result["error"]
    assert set(result["metrics"].values()) == {None}


def test_refused_values_and_faults_are_failures(compose_run, folder: Path):
    with pytest.raises(UserError, match=r"optimizer\.lr"):
        run(compose_run(*FAST, "optimizer.lr=-1"))
    assert result_of(folder)["status"] == "failed"
    (folder / "result.json").unlink()
    with pytest.raises(UserError, match="Invalid beta parameter"):
        run(compose_run(*FAST, "optimizer=adam", "+optimizer.betas=[2,2]"))
    result = result_of(folder)
    assert result["status"] == "failed"
    assert result["error"].startswith("UserError: optimizer.betas=[2,2] is not allowed: Invalid beta")


def test_a_fast_dev_run_goes_through_everything_and_says_so(compose_run, folder: Path, capsys):
    run(compose_run(*SMALL, "trainer.fast_dev_run=true", "select=best"))
    assert result_of(folder)["status"] == "completed"
    assert "note        fast_dev_run only checks that it runs" in capsys.readouterr().out


def test_a_folder_with_a_result_is_not_run_in_again(compose_run, folder: Path):
    run(compose_run(*FAST, "logger=none", "callbacks=light"))
    before = (folder / "result.json").read_bytes()
    with pytest.raises(UserError, match="already has a result, and runs cannot share a folder"):
        run(compose_run(*FAST, "seed=1"))
    assert (folder / "result.json").read_bytes() == before


def test_a_run_killed_before_its_first_checkpoint_hides_what_it_logged(compose_run, folder: Path):
    logger = RunFolderTensorBoard(folder)
    logger.log_metrics({"train/loss_step": 99.0}, 0)
    logger.close("killed")
    time.sleep(1.1)  # event files are read in the order of their names, which hold whole seconds
    run(compose_run(*FAST, f"resume={folder}", "callbacks=light"))
    points = EventAccumulator(str(folder)).Reload().Scalars("train/loss_step")
    assert [point.step for point in points] == [0, 8]
    assert points[0].value < 10


@pytest.mark.parametrize("precision", ["bf16-true", "64-true", "bf16-mixed"])
def test_other_precisions_measure_the_same_things(compose_run, folder: Path, precision: str):
    run(compose_run(*FAST, f"trainer.precision={precision}", "callbacks=full"))
    rows = rows_of(folder)
    for row in rows:
        assert 1.5 < float(row["train/loss"]) < 2.5
        assert 1.5 < float(row["val/loss"]) < 2.5


def test_what_is_not_measured_is_left_empty(compose_run, folder: Path):
    run(compose_run(*FAST, "trainer.limit_val_batches=0", "trainer.limit_test_batches=0", "callbacks=light"))
    assert {row["val/acc"] for row in rows_of(folder)} == {""}
    assert set(result_of(folder)["metrics"].values()) == {None}


class OwnMonitor(DeviceStatsMonitor):
    """A user's own, which needs a logger as Lightning's does."""


def test_lightnings_refusals_of_a_fit_are_the_users_mistakes(compose_run, folder: Path):
    with pytest.raises(UserError, match=r"trainer: Cannot use `DeviceStatsMonitor` callback with"):
        run(compose_run(*SMALL, "logger=none", f"+callbacks.own={{_target_: {__name__}.OwnMonitor}}"))


def test_a_finished_fit_that_resumes_is_tested_only(compose_run, folder: Path):
    run(compose_run(*FAST, "logger=none", "callbacks=light"))
    first = result_of(folder)
    (folder / "result.json").unlink()
    run(compose_run(*FAST, f"resume={folder}"))
    again = result_of(folder)
    for name in ("metrics", "weights_sha256", "epochs", "fingerprint", "selected_epoch"):
        assert again[name] == first[name]


def test_more_of_lightning_can_be_requested(compose_run, folder: Path):
    overrides = ("trainer.gradient_clip_val=0.5", "trainer.accumulate_grad_batches=2", "trainer.precision=bf16-mixed")
    early_stopping = "_target_: lightning.pytorch.callbacks.EarlyStopping"
    stop = f"+callbacks.stop={{{early_stopping}, monitor: val/acc, mode: max, stopping_threshold: 0.01}}"
    run(compose_run(*FAST, *overrides, stop, "logger=none"))
    result = result_of(folder)
    assert (result["epochs"], result["steps"]) == (1, 4)

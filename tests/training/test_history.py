import csv
from pathlib import Path
from types import SimpleNamespace

import torch
from torch import nn

from cnnlab.metrics import metric_names
from cnnlab.training.classifier import Classifier
from cnnlab.training.history import History

METRICS = {"train/loss": 0.1 + 0.2, "train/acc": 0.5, "val/loss": 1.25, "val/acc": 1 / 3, "lr": 0.01}


def epoch(history: History, number: int) -> None:
    trainer = SimpleNamespace(current_epoch=number, global_step=10 * (number + 1), is_global_zero=True)
    classifier = Classifier(nn.Flatten(), nn.CrossEntropyLoss(), torch.optim.SGD, lambda optimizer, steps: None)
    classifier.measured = METRICS
    history.on_train_epoch_start(trainer, classifier)
    history.on_train_epoch_end(trainer, classifier)


def only_row(folder: Path) -> dict[str, str]:
    """Of metrics.csv."""
    with (folder / "metrics.csv").open(newline="") as file:
        (row,) = csv.DictReader(file)
    return row


def test_a_row_an_epoch_in_full_precision(tmp_path: Path):
    epoch(History(tmp_path / "metrics.csv"), 0)
    row = only_row(tmp_path)
    assert list(row) == ["epoch", "step", "lr", *metric_names("train", "val"), "seconds"]
    assert (row["epoch"], row["step"], row["lr"]) == ("1", "10", "0.01")
    assert (row["train/loss"], row["train/acc"]) == ("0.30000000000000004", "0.5")
    assert (row["val/loss"], row["val/acc"]) == ("1.25", "0.3333333333333333")
    assert row["seconds"].startswith("0.")


def test_a_metric_that_was_not_measured_is_empty(tmp_path: Path):
    epoch(History(tmp_path / "metrics.csv", watch="test"), 0)
    row = only_row(tmp_path)
    assert list(row) == ["epoch", "step", "lr", *metric_names("train", "test"), "seconds"]
    assert (row["train/acc"], row["test/loss"], row["test/acc"]) == ("0.5", "", "")


def test_a_resumed_file_holds_the_checkpoints_rows_and_no_others(tmp_path: Path):
    history = History(tmp_path / "metrics.csv")
    epoch(history, 0)
    state = history.state_dict()
    epoch(history, 1)  # after the checkpoint, then killed
    resumed = History(tmp_path / "metrics.csv")
    resumed.load_state_dict(state)
    epoch(resumed, 1)
    lines = (tmp_path / "metrics.csv").read_text().splitlines()
    assert [line.split(",")[0] for line in lines] == ["epoch", "1", "2"]


def test_seconds_include_those_before_an_interruption(tmp_path: Path):
    history = History(tmp_path / "metrics.csv")
    history.load_state_dict({"rows": [], "epoch_s": 100.0, "fit_s": 1000.0})
    assert history.earlier_fit_s == 1000
    state = history.state_dict()
    assert 100 <= state["epoch_s"] < 101
    assert 1000 <= state["fit_s"] < 1001


def test_seconds_to_a_target_are_those_of_the_epochs_up_to_the_first_that_reaches_it(tmp_path: Path):
    history = History(tmp_path / "metrics.csv")
    history.rows = [
        {"epoch": 1, "seconds": 2.5, "val/acc": 0.5},
        {"epoch": 2, "seconds": 2.25, "val/acc": 0.9},
        {"epoch": 3, "seconds": 2.0, "val/acc": 0.8},
    ]
    assert history.seconds_to(0.9) == 4.75
    assert history.seconds_to(0.4) == 2.5
    assert history.seconds_to(0.95) is None

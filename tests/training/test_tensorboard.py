"""Event files as TensorBoard's own server reads them."""

import json
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.json_format import MessageToDict
from omegaconf import OmegaConf
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.hparams import metadata

from cnnlab.experiment.axes import AXES
from cnnlab.run.execution import run
from cnnlab.training.tensorboard import RunFolderTensorBoard
from tests.browser import chromium, errors, look, tensorboard, texts, wait_for
from tests.conftest import SMALL

FAST = (*SMALL, "trainer.max_epochs=2", "trainer.limit_train_batches=6", "trainer.log_every_n_steps=2")


def events(folder: Path) -> EventAccumulator:
    return EventAccumulator(str(folder), size_guidance={"scalars": 0, "images": 0}).Reload()


def test_curves_and_pictures(compose_run, tmp_path: Path):
    run(compose_run(*FAST, "callbacks=full"))
    accumulator = events(tmp_path / "run")
    scalars = set(accumulator.Tags()["scalars"])
    assert {name for name in scalars if not name.startswith("~")} == {
        *("train/acc", "train/loss", "train/loss_step", "val/acc", "val/loss")
    }
    results = {f"~result/{split}/{name}" for split in ("val", "test") for name in ("acc", "loss", "criterion")}
    assert scalars >= {"~lr", "~train/criterion", "~val/criterion", *results}
    assert [point.step for point in accumulator.Scalars("train/loss_step")] == [0, 2, 4, 6, 8, 10]
    assert len(accumulator.Scalars("val/acc")) == 2
    assert len(accumulator.Scalars("~result/test/acc")) == 1
    pictures = ("confusion_matrix", "mistakes", "first_layer", "layers")
    assert set(accumulator.Tags()["images"]) == {f"~pictures/{name}" for name in pictures}
    quantities = ("saturated_fraction", "dead_fraction")
    assert {f"~{quantity}/layers.{index}" for quantity in quantities for index in (1, 4, 7)} <= scalars
    assert {"~gradient_norm/layers.0.0.weight", "~update_ratio/layers.9.weight"} <= scalars


def test_the_lectures_test_curve_is_among_the_first_cards(compose_run, tmp_path: Path):
    run(compose_run(*FAST, "experiment=lecture", "callbacks=light"))
    firsts = {name for name in events(tmp_path / "run").Tags()["scalars"] if not name.startswith("~")}
    both = {f"{split}/{name}" for split in ("train", "test") for name in ("acc", "loss")}
    assert firsts == {*both, "train/loss_step"}


def test_the_table_has_the_metrics_of_the_selected_epoch(compose_run, tmp_path: Path):
    run(compose_run(*FAST, "select=best", "optimizer.lr=0.5", "trainer.max_epochs=4", "callbacks=light"))
    result = json.loads((tmp_path / "run" / "result.json").read_text())
    accumulator = events(tmp_path / "run")
    (point,) = accumulator.Scalars("~result/val/loss")
    assert result["selected_epoch"] < 4
    assert point.value == pytest.approx(result["metrics"]["val/loss"], rel=1e-6)
    assert point.value != accumulator.Scalars("val/loss")[-1].value
    assert point.step == result["steps"]


def test_a_job_of_a_sweep_has_the_columns_that_vary(compose_run, tmp_path: Path):
    varied = ["optimizer=momentum", "trainer.gradient_clip_val=1", "optimizer.lr=1e-2", "seed=1"]
    task = ["seed=0,1", "optimizer=momentum,adam", "trainer.gradient_clip_val=null,1", "optimizer.lr=0.01,0.1"]
    sweep = {"overrides": {"task": [*task, *FAST]}, "sweeper": {"params": None}}
    sweep["job"] = {"config": {"override_dirname": {"exclude_keys": [text.partition("=")[0] for text in FAST]}}}
    OmegaConf.save(OmegaConf.create({"hydra": sweep}), tmp_path / "multirun.yaml")
    run(compose_run(*varied, *FAST, "callbacks=light"))
    summaries = events(tmp_path / "run").summary_metadata
    content = summaries[metadata.SESSION_START_INFO_TAG].plugin_data.content
    start = metadata.parse_session_start_info_plugin_data(content)
    assert {name: MessageToDict(value) for name, value in start.hparams.items()} == {
        "optimizer": "momentum",
        "optimizer.lr": 0.01,
        "trainer.gradient_clip_val": "1",  # another job's is null
        "seed": 1.0,
    }


def test_what_a_killed_process_logged_past_its_checkpoint_is_hidden(tmp_path: Path):
    first = RunFolderTensorBoard(tmp_path)
    for step in range(6):
        first.log_metrics({"train/loss": float(step)}, step)
    first.close("completed")
    time.sleep(1.1)  # event files are read in the order of their names, which hold whole seconds
    second = RunFolderTensorBoard(tmp_path, purge_step=3)
    for step in range(3, 5):
        second.log_metrics({"train/loss": 10.0 + step}, step)
    second.close("completed")
    assert [point.value for point in events(tmp_path).Scalars("train/loss")] == [0.0, 1.0, 2.0, 13.0, 14.0]


def ask(url: str, body: dict[str, Any]) -> dict[str, Any]:
    request = urllib.request.Request(url, json.dumps(body).encode(), {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=60) as response:
        return json.load(response)


def rows(server: str, num: int) -> list[dict[str, Any]]:
    """The rows of the HParams table, once there are as many; none while they are being read."""
    body = {"experimentName": "", "allowedStatuses": ["STATUS_SUCCESS", "STATUS_RUNNING", "STATUS_UNKNOWN"],
            "startIndex": 0, "sliceSize": 10}  # fmt: skip
    try:
        experiment = ask(f"{server}/data/plugin/hparams/experiment", {"experimentName": "", "includeMetrics": True})
        columns = [{"hparam": info["name"]} for info in experiment["hparamInfos"]]
        columns += [{"metric": info["name"]} for info in experiment["metricInfos"]]
        groups = ask(f"{server}/data/plugin/hparams/session_groups", {**body, "colParams": columns})["sessionGroups"]
    except (urllib.error.URLError, KeyError):
        return []  # still reading
    return groups if len(groups) == num else []


@pytest.mark.slow
def test_the_hparams_table_of_a_real_server(compose_run, tmp_path: Path):
    expected = {}
    for name, overrides in {
        "a": ["optimizer=adam"],
        "b": ["model=softmax_regression"],
        "c": ["experiment=lecture"],
    }.items():
        run(compose_run(*overrides, *FAST, "callbacks=light"))
        expected[name] = json.loads((tmp_path / "run" / "result.json").read_text())
        (tmp_path / "run").rename(tmp_path / name)

    with tensorboard(tmp_path) as server:
        groups = wait_for(lambda: rows(server, 3))
    assert {group["name"] for group in groups} == {"a", "b", "c"}
    keys = {*AXES, "optimizer.lr", "optimizer.weight_decay", "data.batch_size", "trainer.max_epochs", "seed"}
    for group in groups:
        result = expected[group["name"]]
        assert set(group["hparams"]) == keys
        for axis in AXES:
            assert group["hparams"][axis] == result["choices"][axis]
        assert group["hparams"]["optimizer.lr"] == result["params"]["optimizer.lr"]
        metrics = {value["name"]["tag"].removeprefix("~result/"): value["value"] for value in group["metricValues"]}
        for metric, value in result["metrics"].items():
            assert metrics.get(metric) == (None if value is None else pytest.approx(value, rel=1e-6))


@pytest.mark.slow
def test_in_a_browser_loss_and_accuracy_come_first(compose_run, tmp_path: Path):
    run(compose_run(*FAST))
    with tensorboard(tmp_path / "run") as url, chromium() as driver:
        look(driver, f"{url}/#timeseries")
        wait_for(lambda: len(texts(driver, "card-view .tag")) >= 2)
        groups = texts(driver, "metrics-card-group-toolbar-component")
        assert [group.split()[0] for group in groups] == [
            "train3",
            "val2",
            "~lr",
            "~pictures3",
            "~result6",
            "~train",
            "~val",
        ]
        assert texts(driver, "card-view .tag")[:2] == ["train /acc", "train /loss"]
        assert errors(driver) == []

"""Event files as TensorBoard's own server reads them."""

import json
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from cnnlab.experiment.axes import AXES
from cnnlab.run.execution import run
from cnnlab.training.tensorboard import RunFolderTensorBoard
from tests.conftest import SMALL

FAST = (*SMALL, "trainer.max_epochs=2", "trainer.limit_train_batches=6", "trainer.log_every_n_steps=2")


def events(folder: Path) -> EventAccumulator:
    return EventAccumulator(str(folder), size_guidance={"scalars": 0, "images": 0}).Reload()


def test_curves_and_pictures(compose_run, tmp_path: Path):
    run(compose_run(*FAST, "callbacks=full"))
    accumulator = events(tmp_path / "run")
    scalars = set(accumulator.Tags()["scalars"])
    assert scalars >= {
        "train/loss_step",
        "train/loss",
        "train/acc",
        "val/loss",
        "val/acc",
        "test/loss",
        "test/acc",
        "lr",
    }
    assert "hp_metric" not in scalars
    assert [point.step for point in accumulator.Scalars("train/loss_step")] == [0, 2, 4, 6, 8, 10]
    assert len(accumulator.Scalars("val/acc")) == 2
    assert len(accumulator.Scalars("test/acc")) == 1
    assert set(accumulator.Tags()["images"]) == {"confusion_matrix", "mistakes", "first_layer"}
    layers = {f"network.layers.{index}" for index in (1, 4, 7)}
    assert {f"flat/{layer}" for layer in layers} | {f"dead/{layer}" for layer in layers} <= scalars
    assert {"gradient_norm/network.layers.0.0.weight", "update_ratio/network.layers.9.weight"} <= scalars


def test_what_a_killed_process_logged_past_its_checkpoint_is_hidden(tmp_path: Path):
    first = RunFolderTensorBoard(tmp_path)
    for step in range(6):
        first.log_metrics({"loss": float(step)}, step)
    first.close("completed")
    time.sleep(1.1)  # event files are read in the order of their names, which hold whole seconds
    second = RunFolderTensorBoard(tmp_path, purge_step=3)
    for step in range(3, 5):
        second.log_metrics({"loss": 10.0 + step}, step)
    second.close("completed")
    assert [point.value for point in events(tmp_path).Scalars("loss")] == [0.0, 1.0, 2.0, 13.0, 14.0]


@pytest.fixture
def server(tmp_path: Path) -> Iterator[str]:
    """A real TensorBoard server over tmp_path, on loopback."""
    command = [
        sys.executable,
        "-m",
        "tensorboard.main",
        "--logdir",
        str(tmp_path),
        "--host",
        "127.0.0.1",
        "--port",
        "0",
    ]
    log = tmp_path / "server.log"
    with log.open("w") as file, subprocess.Popen(command, stdout=file, stderr=file) as process:
        deadline = time.monotonic() + 300
        while "http://127.0.0.1:" not in (text := log.read_text()):
            assert time.monotonic() < deadline, text
            assert process.poll() is None, text
            time.sleep(0.2)
        yield "http://127.0.0.1:" + text.partition("http://127.0.0.1:")[2].split("/")[0]
        process.terminate()


def ask(url: str, body: dict[str, Any]) -> dict[str, Any]:
    request = urllib.request.Request(url, json.dumps(body).encode(), {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=60) as response:
        return json.load(response)


@pytest.mark.slow
def test_the_hparams_table_of_a_real_server(compose_run, tmp_path: Path, server: str):
    expected = {}
    for name, overrides in {
        "a": ["optimizer=adam"],
        "b": ["model=softmax_regression"],
        "c": ["experiment=lecture"],
    }.items():
        run(compose_run(*overrides, *FAST, "callbacks=light"))
        expected[name] = json.loads((tmp_path / "run" / "result.json").read_text())
        (tmp_path / "run").rename(tmp_path / name)

    body = {"experimentName": "", "allowedStatuses": ["STATUS_SUCCESS", "STATUS_RUNNING", "STATUS_UNKNOWN"],
            "startIndex": 0, "sliceSize": 10}  # fmt: skip
    deadline, groups = time.monotonic() + 300, []
    while len(groups) < 3 and time.monotonic() < deadline:
        try:
            experiment = ask(f"{server}/data/plugin/hparams/experiment", {"experimentName": "", "includeMetrics": True})
            columns = [{"hparam": info["name"]} for info in experiment["hparamInfos"]]
            columns += [{"metric": info["name"]} for info in experiment["metricInfos"]]
            groups = ask(f"{server}/data/plugin/hparams/session_groups", {**body, "colParams": columns})[
                "sessionGroups"
            ]
        except (urllib.error.URLError, KeyError):
            pass  # still reading
        time.sleep(0.5)

    assert {group["name"] for group in groups} == {"a", "b", "c"}
    keys = {*AXES, "optimizer.lr", "optimizer.weight_decay", "data.batch_size", "trainer.max_epochs", "seed"}
    for group in groups:
        result = expected[group["name"]]
        assert set(group["hparams"]) == keys
        for axis in AXES:
            assert group["hparams"][axis] == result["choices"][axis]
        assert group["hparams"]["optimizer.lr"] == result["params"]["optimizer.lr"]
        metrics = {value["name"]["tag"]: value["value"] for value in group["metricValues"]}
        for metric, value in result["metrics"].items():
            assert metrics.get(metric) == (None if value is None else pytest.approx(value, rel=1e-6))

"""A sweep in TensorBoard: the files that its report writes, by TensorBoard's own reader and in a real Chromium."""

import csv
import itertools
import math
import shutil
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.json_format import MessageToDict
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.custom_scalar import layout_pb2
from tensorboard.plugins.custom_scalar import metadata as layouts
from tensorboard.plugins.hparams import metadata

from cnnlab.report.content import Settings, ranked
from cnnlab.report.runs import read_runs
from cnnlab.report.tensorboard import MOST_RUNS, command, write_tensorboard
from tests.browser import chromium, errors, look, tensorboard, texts, wait_for
from tests.report.results import result, write

SPLITS = ("train", "val")
LOSS = {0: 0.5, 1: 0.25}  # by seed: whole numbers of 2 ** -n, which float32 has


def add(sweep: Path, optimizer: str, seed: int, accuracy: float | None = 0.5, num_epochs: int = 3, **changes: Any):
    """A run with its metrics.csv: of the epochs 1, 2, … accuracies that grow by 1/16, and losses by seed."""
    if accuracy is not None:
        measured = {"val/acc": accuracy - 0.01, "val/loss": 0.25, "test/acc": accuracy, "test/loss": 0.125}
        changes = {"metrics": measured, **changes}
    folder = write(sweep / f"{optimizer},{len(list(sweep.glob('*')))}", result(optimizer, seed, accuracy, **changes))
    with (folder / "metrics.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["epoch", "seconds", *(f"{split}/{name}" for split in SPLITS for name in ("acc", "loss"))])
        for epoch in range(1, num_epochs + 1):
            values = (epoch / 16 + seed / 8, LOSS[seed])
            writer.writerow([epoch, 2.0, *values, *values])


def report(sweep: Path, created: str = "2026-11-26T12:00:00+00:00") -> Path:
    """Writes what TensorBoard shows, and nothing else of the report."""
    path = sweep / "report"
    path.mkdir(exist_ok=True)
    write_tensorboard(path, {"created": created, "language": "en"}, *ranked(read_runs(sweep)[0], None, Settings()))
    return path / "tensorboard"


def events(folder: Path) -> EventAccumulator:
    return EventAccumulator(str(folder)).Reload()


def row(folder: Path) -> dict[str, Any]:
    """A run's row of the HParams table."""
    content = events(folder).summary_metadata[metadata.SESSION_START_INFO_TAG].plugin_data.content
    values = metadata.parse_session_start_info_plugin_data(content).hparams
    return {name: MessageToDict(value) for name, value in values.items()}


def head(folder: Path) -> list[str]:
    """The columns of the HParams table."""
    content = events(folder).summary_metadata[metadata.EXPERIMENT_TAG].plugin_data.content
    return [info.name for info in metadata.parse_experiment_plugin_data(content).hparam_infos]


@pytest.fixture
def sweep(tmp_path: Path) -> Path:
    for optimizer in ("adam", "sgd"):
        for seed in (0, 1):
            add(tmp_path / "sweep", optimizer, seed, num_epochs=3 + seed)
    return tmp_path / "sweep"


def test_a_configuration_is_a_run_with_the_mean_over_seeds_as_far_as_all_went(sweep: Path):
    path = report(sweep)
    assert sorted(folder.name for folder in path.iterdir()) == ["adam", "sgd"]
    accumulator = events(path / "adam")
    points = accumulator.Scalars("val/acc")
    assert [(point.step, point.value) for point in points] == [(epoch, epoch / 16 + 1 / 16) for epoch in (1, 2, 3)]
    assert [point.wall_time - points[0].wall_time for point in points] == [0.0, 2.0, 4.0]
    assert {point.value for point in accumulator.Scalars("train/loss")} == {0.375}
    low, high = (accumulator.Scalars(f"~seeds/train/loss/{edge}") for edge in ("lowest", "highest"))
    assert ({point.value for point in low}, {point.value for point in high}) == ({0.25}, {0.5})
    firsts = {name for name in accumulator.Tags()["scalars"] if not name.startswith("~")}
    assert firsts == {"train/acc", "train/loss", "val/acc", "val/loss"}


def test_the_metrics_of_the_table_are_the_reports(sweep: Path):
    path = report(sweep)
    value = {name: events(path / "adam").Scalars(f"~result/{name}")[0].value for name in ("val/acc", "test/acc", "n")}
    assert value == {"val/acc": pytest.approx(0.49), "test/acc": 0.5, "n": 2}
    assert row(path / "sgd") == {"optimizer": "sgd"}
    assert head(path / "adam") == ["optimizer"]


def test_the_bands_are_of_what_was_measured(sweep: Path):
    (tensor,) = events(report(sweep) / "adam").Tensors(layouts.CONFIG_SUMMARY_TAG)
    layout = layout_pb2.Layout.FromString(tensor.tensor_proto.string_val[0])
    (category,) = layout.category
    assert [chart.title for chart in category.chart] == ["train/loss", "train/acc", "val/loss", "val/acc"]
    assert category.chart[0].margin.series[0].lower == "~seeds/train/loss/lowest"


def test_numbers_are_numbers_and_a_column_with_a_text_is_one_of_texts(tmp_path: Path):
    for lr, clip in ((0.01, "null"), (0.1, "1")):
        values = [f"optimizer.lr={lr}", f"trainer.gradient_clip_val={clip}", "seed=0"]
        params = {"optimizer.lr": lr, "trainer.gradient_clip_val": clip}
        add(tmp_path, "sgd", 0, lr=lr, overrides=values, params=params)
    path = report(tmp_path)
    rows = [row(folder) for folder in sorted(path.iterdir())]
    assert rows == [
        {"optimizer.lr": 0.01, "trainer.gradient_clip_val": "null"},
        {"optimizer.lr": 0.1, "trainer.gradient_clip_val": "1"},
    ]


def test_a_mean_over_survivors_is_marked_and_what_never_completed_has_no_curve(sweep: Path):
    add(sweep, "adam", 2, None, num_epochs=0, status="diverged")
    add(sweep, "lion", 0, None, num_epochs=0, status="failed")
    assert sorted(folder.name for folder in report(sweep).iterdir()) == ["adam (2 of 3 runs)", "sgd"]


def test_the_files_of_an_earlier_report_go_and_others_stay(sweep: Path, tmp_path: Path):
    path = report(sweep)
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "events.out.tfevents.1").write_text("somebody else's")
    (path / "link").symlink_to(tmp_path / "elsewhere")
    (path / "adam" / "notes.txt").write_text("")
    for folder in sweep.glob("adam,*"):
        shutil.rmtree(folder)
    add(sweep, "lion", 0)
    for second in range(1, 4):
        report(sweep, f"2026-11-26T12:00:0{second}+00:00")
        assert sorted(file.name for file in path.iterdir()) == ["adam", "link", "lion", "sgd"]
        assert [file.name for file in (path / "adam").iterdir()] == ["notes.txt"]
        assert sum(file.stat().st_size > 0 for file in (path / "sgd").iterdir()) == 1
        assert len(list((path / "sgd").iterdir())) == 2
    assert (tmp_path / "elsewhere" / "events.out.tfevents.1").exists()


def test_a_damaged_earlier_one_breaks_nothing(sweep: Path):
    path = report(sweep)
    for file in path.glob("*/events*"):
        file.write_bytes(b"\x00" * 10)
    (path / "stray").write_text("")
    for created in ("2026-11-26T12:00:00+00:00", "2026-11-26T12:00:01+00:00"):
        assert len(events(report(sweep, created) / "adam").Scalars("val/acc")) == 3


def test_a_runs_damaged_or_foreign_curves_cost_no_more_than_themselves(sweep: Path):
    adam, sgd = (sorted(sweep.glob(f"{name},*")) for name in ("adam", "sgd"))
    (adam[0] / "metrics.csv").write_text("step,train/acc\n1,0.5\n2,1e400\n")
    (adam[1] / "metrics.csv").write_text("a,b\n1,2\n")
    (sgd[0] / "metrics.csv").write_text("epoch\n1\n")
    (sgd[1] / "metrics.csv").unlink()
    add(sweep, "lion", 0, overrides=["optimizer=lion", "x\udcff=\udcff"])
    folders = {folder.name.partition(",")[0]: folder for folder in report(sweep).iterdir()}
    assert [point.value for point in events(folders["adam"]).Scalars("train/acc")] == [0.5, math.inf]
    assert [name for name in events(folders["sgd"]).Tags()["scalars"] if not name.startswith("~")] == []
    assert row(folders["lion"]) == {"optimizer": "lion", "x?": "?"}


def test_the_same_report_is_the_same_file(sweep: Path):
    first, second = ({file: file.read_bytes() for file in report(sweep).glob("*/*")} for _ in range(2))
    assert first == second


def test_a_server_that_is_running_shows_the_new_report_alone(sweep: Path):
    accumulator = events(report(sweep) / "adam")
    add(sweep, "adam", 1, num_epochs=2)
    report(sweep, "2026-11-26T12:00:01+00:00")
    assert [point.step for point in accumulator.Reload().Scalars("val/acc")] == [1, 2]


def test_names_that_no_folder_can_have_are_told_apart(tmp_path: Path):
    for number, text in enumerate(("a/b", "a_b", "A_b", "../x", "x" * 300, "한글", "~")):
        add(tmp_path, "sgd", 0, overrides=[f"x={text}"], params={"x": text, "number": number})
    path = report(tmp_path)
    assert len(list(path.iterdir())) == 7
    assert len({folder.name.casefold() for folder in path.iterdir()}) == 7
    assert {row(folder)["x"] for folder in path.iterdir()} == {"a/b", "a_b", "A_b", "../x", "x" * 300, "한글", "~"}


def test_with_more_runs_than_tensorboard_ticks_the_best_are_there(tmp_path: Path):
    for number in range(MOST_RUNS + 1):
        changes = {"overrides": [f"model.width={number}"], "params": {"model.width": number}}
        add(tmp_path, "sgd", 0, number / 64, num_epochs=1, **changes)
    names = {folder.name for folder in report(tmp_path).iterdir()}
    assert names == {f"width={number}" for number in range(1, MOST_RUNS + 1)}


@pytest.mark.parametrize(("num", "remark"), [(40, ""), (41, "  # the best 40 of 41: it opens blank with more")])
def test_the_command_says_that_not_all_are_there(sweep: Path, num: int, remark: str):
    report(sweep)
    content = {"configurations": [{"val": {}, "test": {"mean": 0.5}}] * num + [{"val": None, "test": None}]}
    assert command(sweep / "report", content) == f"tensorboard --logdir {sweep}/report/tensorboard{remark}"


def test_a_sweep_without_a_completed_run_suggests_no_command(tmp_path: Path):
    add(tmp_path, "sgd", 0, None, num_epochs=0, status="diverged")
    report(tmp_path)
    assert command(tmp_path / "report", {"configurations": []}) == ""


@pytest.mark.slow
def test_in_a_browser_curves_come_first_and_the_table_has_what_varies(tmp_path: Path):
    for optimizer, lr, seed in itertools.product(("adam", "sgd"), (0.01, 0.1), (0, 1)):
        add(tmp_path / "sweep", optimizer, seed, lr=lr, typed=True)
    names = [f"{optimizer}, lr={lr}" for optimizer in ("adam", "sgd") for lr in (0.01, 0.1)]
    with tensorboard(report(tmp_path / "sweep")) as url, chromium() as driver:
        look(driver, f"{url}/#timeseries")
        wait_for(lambda: len(texts(driver, "card-view .tag")) == 4)
        groups = texts(driver, "metrics-card-group-toolbar-component")
        assert [group.split()[0] for group in groups] == ["train2", "val2", "~result5", "~seeds8"]
        assert texts(driver, "card-view .tag") == ["train /acc", "train /loss", "val /acc", "val /loss"]
        assert texts(driver, "runs-data-table tb-data-table-content-row") == names
        assert wait_for(lambda: [each for each in texts(driver, "card-view") if " 0.25 3 " in each])
        assert errors(driver) == []

        look(driver, f"{url}/#hparams")
        wait_for(lambda: "sgd, lr=0.1" in texts(driver, ".table-cell"))
        cells = [text for text in texts(driver, ".table-cell") if text]
        columns = ["optimizer", "optimizer.lr", "val/acc", "val/loss", "test/acc", "test/loss", "n"]
        assert texts(driver, ".table-header") == ["Trial ID", "Show Metrics", *columns]
        row = cells.index("adam, lr=0.1")
        assert cells[row : row + 5] == ["adam, lr=0.1", "adam", "0.10000", "0.49000", "0.25000"]
        assert errors(driver) == []

        look(driver, f"{url}/#custom_scalars")
        wait_for(lambda: texts(driver, ".collapsible-title-text") == ["Matches (4)"] * 4)  # a chart each
        assert errors(driver) == []

"""A sweep's learning curves."""

import io
import json
import os
from pathlib import Path
from typing import Any

import pytest

from cnnlab.errors import UserError
from cnnlab.report import draw_curves


def write_run(
    sweep: Path, optimizer: str, seed: int, accuracies: list[float], status: str = "completed", split: str = "val"
) -> None:
    run = sweep / f"{optimizer}-{seed}"
    run.mkdir()
    rows = "".join(f"{epoch},{accuracy}\n" for epoch, accuracy in enumerate(accuracies, 1))
    (run / "metrics.csv").write_text(f"epoch,{split}/acc\n{rows}")
    result: dict[str, Any] = {"status": status, "choices": {"optimizer": optimizer}, "params": {"seed": seed}}
    result |= {"overrides": [], "metrics": {}, "seconds": {}, "data": {}}
    (run / "result.json").write_text(json.dumps(result))


def test_a_sweeps_curves_are_each_settings_mean_and_range_over_seeds_by_name(tmp_path: Path):
    write_run(tmp_path, "sgd", 0, [0.80, 0.90])
    write_run(tmp_path, "sgd", 1, [0.70, 0.92])
    write_run(tmp_path, "sgd", 2, [0.60, 0.88])
    write_run(tmp_path, "adam", 0, [0.50, 0.60])  # worse, and still first
    figure = draw_curves(tmp_path)
    axes = figure.axes[0]
    assert [list(line.get_ydata()) for line in axes.lines] == [pytest.approx([50, 40]), pytest.approx([30, 10])]
    assert axes.get_ylabel() == "validation error, %"
    band = axes.collections[1].get_paths()[0].vertices
    assert {(epoch, round(error, 6)) for epoch, error in band} == {(1, 20), (1, 40), (2, 8), (2, 12)}
    legend = figure.legends[0]
    assert (legend.get_title().get_text(), [text.get_text() for text in legend.texts]) == ("optimizer", ["adam", "sgd"])


def test_runs_that_were_not_completed_are_counted_and_not_drawn(tmp_path: Path):
    write_run(tmp_path, "sgd", 0, [0.80, 0.90])
    write_run(tmp_path, "sgd", 1, [0.10], "diverged")
    write_run(tmp_path, "zeros", 0, [], "failed")
    figure = draw_curves(tmp_path)
    assert [list(line.get_ydata()) for line in figure.axes[0].lines] == [pytest.approx([20, 10]), []]
    labels = [text.get_text() for text in figure.legends[0].texts]
    assert labels == ["sgd (1 of 2 completed)", "zeros (0 of 1 completed)"]


def test_numbers_are_in_order_of_their_value(tmp_path: Path):
    for name in ("0.1", "1e-05", "10", "2", "none"):
        write_run(tmp_path, name, 0, [0.9])
    labels = [text.get_text() for text in draw_curves(tmp_path).legends[0].texts]
    assert labels == ["1e-05", "0.1", "2", "10", "none"]


def test_a_sweep_that_watched_the_test_set_says_so_and_one_that_watched_both_is_refused(tmp_path: Path):
    write_run(tmp_path, "sgd", 0, [0.9], split="test")
    assert draw_curves(tmp_path).axes[0].get_ylabel() == "test error, %"
    write_run(tmp_path, "adam", 0, [0.9])
    with pytest.raises(UserError, match="no completed runs with a validation or test accuracy"):
        draw_curves(tmp_path)


def test_a_sweep_without_completed_runs_is_refused(tmp_path: Path):
    write_run(tmp_path, "sgd", 0, [0.1], "diverged")
    with pytest.raises(UserError, match="has no completed runs"):
        draw_curves(tmp_path)


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"epoch,val/acc\n1,high\n", b"a\n1,2,3\n", None])
def test_a_run_whose_metrics_no_run_wrote_is_named_and_left_out(
    tmp_path: Path, content: bytes | None, capsys: pytest.CaptureFixture[str]
):
    write_run(tmp_path, "sgd", 0, [0.80, 0.90])
    write_run(tmp_path, "sgd", 1, [0.10, 0.10])
    path = tmp_path / "sgd-1" / "metrics.csv"
    path.unlink()
    if content is None:
        os.mkfifo(path)
    else:
        path.write_bytes(content)
    assert list(draw_curves(tmp_path).axes[0].lines[0].get_ydata()) == pytest.approx([20, 10])
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert str(path.parent) in error
    assert error.endswith(": left out\n")


def test_the_newest_run_of_a_job_is_drawn(tmp_path: Path):
    write_run(tmp_path, "sgd", 0, [0.10])
    (tmp_path / "sgd-0").rename(tmp_path / "seed=0")
    write_run(tmp_path, "sgd", 0, [0.80])
    (tmp_path / "sgd-0").rename(tmp_path / "seed=0~2")
    assert list(draw_curves(tmp_path).axes[0].lines[0].get_ydata()) == pytest.approx([20])


def test_a_foreign_runs_values_are_drawn_as_they_are(tmp_path: Path):
    for number, name in enumerate((r"$\frac$", "\ud800")):
        write_run(tmp_path, f"run{number}", 0, [0.9])
        path = tmp_path / f"run{number}-0" / "result.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | {"choices": {"optimizer": name}}))
    figure = draw_curves(tmp_path, os.fsdecode(b"\xff"))
    figure.savefig(io.BytesIO(), dpi=20)
    assert [text.get_text() for text in figure.legends[0].texts] == [r"\$\frac\$", "?"]

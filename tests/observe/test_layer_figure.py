"""The picture of all layers."""

import io
from pathlib import Path

import pytest

from cnnlab.observe.layer_figure import MOST_LINES, draw_layers
from scripts import layers


def rows(steps: range, scale: float = 1.0) -> list[tuple[int, int, str, str, float]]:
    found = []
    for step in steps:
        for layer in range(3):
            found.append((step, 0, f"layers.{layer}.weight", "gradient_norm", scale * 10.0 ** -(3 - layer)))
            found.append((step, 0, f"layers.{layer}", "dead_fraction", 0.0))
    return found


def test_one_run_has_a_line_per_measurement_and_a_point_per_layer():
    gradients, updates, _, dead = draw_layers([("", rows(range(0, 30, 10)))]).axes[:4]
    assert len(gradients.lines) == 3
    assert gradients.lines[0].get_ydata().tolist() == pytest.approx([1e-3, 1e-2, 1e-1])
    assert gradients.get_yscale() == "log"
    assert [text.get_text() for text in gradients.get_xticklabels()] == ["layers.0", "layers.1", "layers.2"]
    assert not updates.lines
    assert dead.lines[0].get_ydata().tolist() == [0, 0, 0]  # zero has a place on its scale


def test_of_many_measurements_some_are_drawn_the_first_and_the_last_among_them():
    gradients = draw_layers([("", rows(range(100)))]).axes[0]
    assert len(gradients.lines) == MOST_LINES


def test_of_several_runs_the_last_measurement_of_each_is_drawn_with_its_name():
    figure = draw_layers([("sigmoid", rows(range(3))), ("relu", rows(range(5), scale=10.0))])
    assert [line.get_label() for line in figure.axes[0].lines] == ["sigmoid", "relu"]
    assert figure.axes[0].lines[1].get_ydata()[0] == pytest.approx(1e-2)
    figure.savefig(io.BytesIO())


def run(folder: Path) -> Path:
    folder.mkdir()
    lines = [",".join(map(str, row)) for row in rows(range(2))]
    (folder / "diagnostics.csv").write_text("\n".join(["step,epoch,layer,quantity,value", *lines]) + "\n")
    return folder


def test_the_script_writes_a_picture_of_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    typed = [str(run(tmp_path / "a")), str(run(tmp_path / "b")), "--picture", str(tmp_path / "both.png")]
    monkeypatch.setattr("sys.argv", ["layers.py", *typed])
    layers.main()
    assert (tmp_path / "both.png").read_bytes().startswith(b"\x89PNG")
    assert capsys.readouterr().out == f"written: {tmp_path / 'both.png'}\n"


def test_a_run_without_diagnostics_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setattr("sys.argv", ["layers.py", str(tmp_path)])
    with pytest.raises(SystemExit) as ended:
        layers.main()
    assert ended.value.code == 2
    line = f"error: {tmp_path} has no diagnostics.csv; give the folder of a run with callbacks=full\n"
    assert capsys.readouterr().err == line

"""The planes of a run, their picture, and the script that draws it."""

import io
import logging
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
import torch
from torch import nn
from torch.nn import functional

from cnnlab.errors import UserError
from cnnlab.observe.loss_planes import planes
from cnnlab.observe.loss_surface_figure import draw_surfaces
from cnnlab.observe.weight_path import as_points, step_lengths
from scripts import loss_surface
from tests.conftest import REPOSITORY, SMALL


def trained() -> tuple[nn.Module, torch.Tensor, torch.Tensor, list[dict[str, torch.Tensor]]]:
    torch.manual_seed(0)
    network = nn.Sequential(nn.Linear(6, 8), nn.Tanh(), nn.Linear(8, 3))
    images = torch.randn(60, 6)
    labels = images[:, :3].argmax(dim=1)
    optimizer = torch.optim.SGD(network.parameters(), lr=0.5)
    states = []
    for _ in range(8):
        states.append({name: each.clone() for name, each in network.state_dict().items()})
        functional.cross_entropy(network(images), labels).backward()
        optimizer.step()
        optimizer.zero_grad()
    return network, images, labels, states


def test_the_training_goes_down_on_its_plane_and_the_walk_does_not():
    network, images, labels, states = trained()
    found = {each.kind: each for each in planes(network, functional.cross_entropy, images, labels, states, 7)}
    assert list(found) == ["random", "training", "walk"]
    training, walk = found["training"], found["walk"]
    losses = [functional.cross_entropy(torch.func.functional_call(network, each, images), labels) for each in states]
    for plane in found.values():
        assert plane.losses.shape == (7, 7)
        assert plane.path[-1].abs().max() < 1e-6, "the origin is the path's end"
    assert training.losses.min() < losses[0]
    for axis, steps in ((0, training.alphas), (1, training.betas)):
        assert steps[0] < training.path[:, axis].min()
        assert steps[-1] > training.path[:, axis].max()
    assert training.explained is not None
    assert walk.explained is not None
    assert training.explained[0] > walk.explained[0] > walk.explained[1]
    assert found["random"].losses[3, 3].item() == pytest.approx(losses[-1].item(), rel=1e-5), "the last weights"
    lengths = step_lengths(as_points(states, list(states[0])))
    assert torch.linalg.vector_norm(walk.path[0]) <= lengths.sum(), "a projection of steps as long as the training's"


def test_the_network_stays_as_it_was():
    network, images, labels, states = trained()
    before = [each.clone() for each in network.parameters()]
    planes(network, functional.cross_entropy, images, labels, states, 2)
    assert all(torch.equal(one, other) for one, other in zip(network.parameters(), before, strict=True))


@pytest.mark.parametrize("change", ["few", "other"])
def test_snapshots_that_span_no_plane_or_are_of_another_network(change: str):
    network, images, labels, states = trained()
    states = states[:2] if change == "few" else [{"0.weight": torch.zeros(8, 6)} for _ in states]
    expected = "2 snapshots span no plane" if change == "few" else "of another network"
    with pytest.raises(UserError, match=expected):
        planes(network, functional.cross_entropy, images, labels, states, 2)


def test_the_picture_has_a_panel_a_plane_even_where_the_loss_is_infinite():
    network, images, labels, states = trained()
    found = planes(network, functional.cross_entropy, images, labels, states, 5)
    found[0].losses[0, 0], found[2].losses[1, 1] = float("inf"), float("nan")
    figure = draw_surfaces(found)
    figure.savefig(io.BytesIO())
    titles = [axes.get_title() for axes in figure.axes[:3]]
    assert titles == [
        "two random directions, by filter", "where the training's path varies most", "the same of a random walk",
    ]  # fmt: skip
    assert figure.axes[1].get_xlabel().endswith("% of the variance")


@pytest.mark.slow
@pytest.mark.skipif(not find_spec("curvlinops"), reason="needs cnnlab[lecture]")
def test_the_script_draws_a_run(tmp_path: Path, monkeypatch, capsys: pytest.CaptureFixture[str]):
    short = ("model=mlp", "model.depth=1", "model.width=4", "trainer.max_epochs=2", "trainer.limit_train_batches=3")
    folder, picture = tmp_path / "run", tmp_path / "surface.png"
    typed = ("train.py", *SMALL, *short, "logger=none", "callbacks=snapshots", f"hydra.run.dir={folder}")
    subprocess.run([sys.executable, *typed], cwd=REPOSITORY, capture_output=True, check=True)
    typed = (
        "loss_surface.py",
        str(folder),
        "--picture",
        str(picture),
        "--points",
        "3",
        "--images",
        "40",
        "--sharpness",
    )
    monkeypatch.setattr("sys.argv", list(typed))
    loss_surface.main()
    assert picture.read_bytes().startswith(b"\x89PNG")
    lines = capsys.readouterr().out.splitlines()
    assert lines[-1] == f"written: {picture}"
    assert re.fullmatch(
        r"largest eigenvalue of the Hessian: [\d.e-]+ after epoch 0, [\d.e-]+ after epoch 2; "
        r"gradient descent diverges above 2\(1 \+ momentum\)/lr = [\d.e-]+",
        lines[-2],
    )


@pytest.mark.parametrize(
    ("typed", "line"),
    [
        (["{folder}"], "{folder} has no snapshots; give the folder of a run with callbacks=snapshots"),
        (["{folder}", "--points", "1"], "--points 1 is not allowed; it must be >= 2"),
        (["{folder}", "--images", "0"], "--images 0 is not allowed; it must be >= 1"),
    ],
)
def test_what_cannot_be_drawn_is_a_line(
    tmp_path: Path, monkeypatch, capsys: pytest.CaptureFixture[str], typed: list[str], line: str
):
    monkeypatch.setattr("sys.argv", ["loss_surface.py", *(each.format(folder=tmp_path) for each in typed)])
    with pytest.raises(SystemExit) as ended:
        loss_surface.main()
    assert ended.value.code == 2
    assert capsys.readouterr().err == f"error: {line.format(folder=tmp_path)}\n"


def test_a_damaged_snapshot_alone_is_no_run(tmp_path: Path, monkeypatch, caplog, capsys):
    (tmp_path / "snapshots").mkdir()
    (tmp_path / "snapshots" / "epoch_000.pt").write_bytes(b"half")
    monkeypatch.setattr("sys.argv", ["loss_surface.py", str(tmp_path)])
    with caplog.at_level(logging.WARNING), pytest.raises(SystemExit) as ended:
        loss_surface.main()
    assert ended.value.code == 2
    assert "epoch_000.pt is damaged" in caplog.text


def test_weights_that_never_change_have_no_path():
    network, images, labels, states = trained()
    with pytest.raises(UserError, match="the weights are the same in all snapshots"):
        planes(network, functional.cross_entropy, images, labels, [states[0]] * 3)

"""A small lecture for tests of the page: planted studies through the real `content.build`."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from matplotlib.figure import Figure

from cnnlab.lecture import store, texts
from cnnlab.lecture.claims import Claim, ExactClaim, Expected
from cnnlab.lecture.content import build
from cnnlab.lecture.study import BUDGETS, Measured, Shown, Study, Table
from cnnlab.lecture.texts import Words
from cnnlab.report.page.figures.style import BLUE, ORANGE, styled

LONG = "a_very_long_name_without_any_place_to_break_it_" * 3
SEEDS = np.array([-0.02, -0.01, 0.0, 0.01, 0.02])
DEEP, SHALLOW, UNMEASURED = "planted_depth", "planted_losses", "planted_unmeasured"


def write(folder: Path, monkeypatch: pytest.MonkeyPatch, num_sections: int = 3) -> dict[str, Any]:
    """The content of three sections, the last without measurements; `folder` holds all that they are made of."""
    (folder / "lecture" / "studies").mkdir(parents=True)
    (folder / "conf" / "sweep").mkdir(parents=True)
    (folder / "texts").mkdir()
    (folder / "conf" / "sweep" / "lecture_planted.yaml").write_text("seed: range(0,5)\n")
    for name in (DEEP, SHALLOW, UNMEASURED):
        (folder / "lecture" / "studies" / f"{name}.py").write_text("NUMBER = 1\n")
        (folder / "texts" / f"{name}.yaml").write_text(yaml.safe_dump(texts_of(), allow_unicode=True))
    monkeypatch.setattr(store, "PACKAGE", folder)
    monkeypatch.setattr(store, "config_folder", lambda: folder / "conf")
    monkeypatch.setattr(texts, "FOLDER", folder / "texts")
    texts.read_texts.cache_clear()
    studies = [
        Study(DEEP, CLAIMS, lambda _: Measured({}, {}), show, sweeps=("lecture_planted",)),
        Study(SHALLOW, LOSS_CLAIMS, lambda _: Measured({}, {}), show_network),
        Study(UNMEASURED, UNMEASURED_CLAIMS, no_measure, show),
    ]
    measured = Measured(EFFECTS, {"scale": [1.0, 2.0]})
    store.save(folder / "own", studies[0], BUDGETS["default"], measured, 512.3, tuned="2026-11-01T03:00:00+00:00")
    store.save(folder / "ready", studies[1], BUDGETS["long"], Measured(LOSS_EFFECTS, {}), 12.0)
    (folder / "lecture" / "studies" / f"{SHALLOW}.py").write_text("NUMBER = 2\n")  # newer than the result
    return build(folder / "own", folder / "ready", studies[:num_sections])


CLAIMS = (
    Claim("planted_supported", Expected.LESS, 0.1, "decades", ("deep", "shallow")),
    Claim("planted_refuted", Expected.GREATER, 0.001, "points", ("deep",)),
    Claim("planted_no_effect", Expected.GREATER, 0.5, "nats", ("deep",)),
    Claim("planted_depends", Expected.GREATER, 0.01, "fraction", ("deep", "shallow", "long")),
    Claim("planted_undecided", Expected.LESS, 0, "epochs", ("deep",)),
    Claim("planted_equal", Expected.EQUAL, 0.01, "points", ("deep",)),
    ExactClaim("planted_exact", ("deep", "shallow")),
)
EFFECTS = {
    "planted_supported": {"deep": [*(-1.9 + SEEDS)], "shallow": [*(-5.2 + SEEDS)]},
    "planted_refuted": {"deep": [*(-0.0123 + SEEDS / 100)]},
    "planted_no_effect": {"deep": [*(SEEDS / 10)]},
    "planted_depends": {"deep": [*(0.4 + SEEDS)], "shallow": [*(-0.4 + SEEDS)], "long": [*(30 * SEEDS)]},
    "planted_undecided": {"deep": [-1.0, 2.0, 0.0, -3.0, 1.0]},
    "planted_equal": {"deep": [*(0.05 + SEEDS / 10)]},
    "planted_exact": {"deep": [1], "shallow": [0]},
}
LOSS_CLAIMS = (ExactClaim("planted_slip", ("deep",)),)
UNMEASURED_CLAIMS = (Claim("planted_nothing", Expected.LESS, 0, "epochs", ("deep",)),)
LOSS_EFFECTS = {"planted_slip": {"deep": [1]}}


def no_measure(_: Any) -> Measured:
    raise AssertionError("the page measures nothing")


def texts_of() -> dict[str, Any]:
    """Of every planted study the same; one claim has a note."""
    texts = yaml.safe_load(Path(__file__).with_name("planted.yaml").read_text(encoding="utf-8"))
    claim, note = texts.pop("claim"), texts.pop("note")
    texts["claims"] = {each.name: claim for each in (*CLAIMS, *LOSS_CLAIMS, *UNMEASURED_CLAIMS)}
    return texts | {"claims": texts["claims"] | {"planted_refuted": claim | {"note": note}}}


def show(data: dict[str, Any], words: Words) -> Shown:
    frames = [{"label": f"σ = {scale}", "figure": drawn("", scale)} for scale in (0.1, 0.5, *data["scale"])]
    numbers = [[1, 2, 0], [0, 1, 3], [2, 1, 0]]
    return Shown(
        figures={"curve": drawn(words("x"), 1), "plain": drawn("", 2)},
        tables={"sizes": Table((words("head"), "28", "14"), (("conv1", "24 × 24", "5"), (LONG, "1 < 2", "3")))},
        widgets={
            "scales": {"kind": "frames", "label": words("scale"), "frames": frames, "start": 1},
            "steps": {"kind": "convolution", "input": numbers, "kernel": [[1, 0], [-1, 2]], "stride": 1, "padding": 0},
            "descent": descent(words),
        },
    )  # fmt: skip


def show_network(_: dict[str, Any], __: Words) -> Shown:
    return Shown(widgets={"live": {"kind": "network"}})


@styled
def curve(content: Any, width_inches: float) -> Figure:
    figure = Figure(figsize=(width_inches, 3.2))
    axes = figure.subplots()
    figure.subplots_adjust(left=0.05, right=0.99, top=0.97, bottom=0.15)
    x = np.linspace(-4, 4, 40)
    axes.plot(x, np.tanh(content["scale"] * x), color=BLUE)
    axes.plot(x, 1 / (1 + np.exp(-content["scale"] * x)), color=ORANGE)
    axes.grid(visible=True)
    axes.set_xlabel(content["label"])
    return figure


def drawn(label: str, scale: float) -> Figure:
    figure = curve({"label": label, "scale": scale})
    assert figure is not None
    return figure


def descent(words: Words) -> dict[str, Any]:
    x, y = np.linspace(-3, 3, 25), np.linspace(-2, 2, 17)
    ravine: Callable[..., Any] = lambda x, y: 0.05 * x**2 + 2 * y**2  # noqa: E731
    saddle: Callable[..., Any] = lambda x, y: x**2 - y**2 + 4  # noqa: E731
    surfaces = {
        name: {"label": words(name), "x": [*x], "y": [*y], "z": height(*np.meshgrid(x, y)).tolist(), "minimum": minimum}
        for name, height, minimum in (("ravine", ravine, [0, 0]), ("saddle", saddle, None))
    }
    optimizers = {"sgd": "SGD", "momentum": "Momentum", "adam": "Adam"}
    paths = {
        name: {o: {lr: path(lr, k) for lr in ("0.1", "0.4")} for k, o in enumerate(optimizers)} for name in surfaces
    }
    return {"kind": "paths", "surfaces": surfaces, "paths": paths, "optimizers": optimizers, "noisy": paths}


def path(lr: str, kind: int) -> list[list[float]]:
    steps = np.arange(40)
    shrink = (1 - float(lr) * 0.1 * (kind + 1)) ** steps
    return np.stack((-2.5 * shrink, 1.5 * shrink * (-1.0 if kind == 0 else 0.9) ** steps), axis=1).round(4).tolist()

import csv
import json
import os
import random
import signal
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from lightning import Callback

from cnnlab.run.execution import run
from cnnlab.signals import Interrupted, SignalGuard
from cnnlab.training.interruption import StopOnSignal
from tests.conftest import SMALL
from tests.processes import start

RUN = (
    *SMALL,
    "trainer.max_epochs=4",
    "model.channel_dropout=0.2",
    "data.batch_size=32",
    "optimizer=adam",
    "scheduler=onecycle",
    "logger=none",
    "callbacks=light",
)


def numbers(folder: Path) -> tuple[list[dict[str, str]], str]:
    """metrics.csv without its times, and the hash of the weights."""
    with (folder / "metrics.csv").open() as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        del row["seconds"]
    result = json.loads((folder / "result.json").read_text())
    assert result["status"] == "completed"
    return rows, result["weights_sha256"]


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[dict[str, str]], str, float]:
    folder = tmp_path_factory.mktemp("uninterrupted")
    code, text = start(folder / "log", *RUN, f"hydra.run.dir={folder / 'run'}").wait()
    assert code == 0, text
    seconds = json.loads((folder / "run" / "result.json").read_text())["seconds"]
    return *numbers(folder / "run"), seconds["setup"] + seconds["fit"]


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(4))
def test_a_run_killed_at_random_moments_ends_in_the_same_bits(uninterrupted, tmp_path: Path, seed: int):
    rows, weights, seconds = uninterrupted
    folder, moments = tmp_path / "run", random.Random(seed)
    command = start(tmp_path / "log", *RUN, f"hydra.run.dir={folder}")
    kills = 0
    while kills < 4:
        command.process.join(moments.uniform(0.2, 0.8 * seconds) if kills else 0)
        while kills == 0 and command.process.is_alive() and not (folder / "metrics.csv").is_file():
            time.sleep(0.01)  # the first time after an epoch, so that there is one
        if command.process.exitcode is not None:
            break
        os.kill(command.process.pid, signal.SIGKILL)
        command.process.join()
        if (folder / "result.json").exists():  # the last of its files: it was whole when it was killed
            command = start(tmp_path / "log", f"resume={folder}")
            break
        kills += 1
        again = (
            [f"resume={folder}"]
            if (folder / ".hydra" / "overrides.yaml").is_file()
            else [*RUN, f"hydra.run.dir={folder}"]
        )
        command = start(tmp_path / "log", *again)
    code, text = command.wait()
    assert code == 0, text
    assert numbers(folder) == (rows, weights)
    assert kills > 0
    assert not [path for path in folder.rglob(".*") if path.name not in (".hydra", ".lock")]


@pytest.mark.slow
@pytest.mark.parametrize(("signum", "exit_code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
@pytest.mark.parametrize("epochs", [1, 2])
def test_a_signal_leaves_a_checkpoint_from_which_the_run_ends_in_the_same_bits(
    uninterrupted, tmp_path: Path, signum: int, exit_code: int, epochs: int
):
    rows, weights, _ = uninterrupted
    folder = tmp_path / "run"
    command = start(tmp_path / "log", *RUN, f"hydra.run.dir={folder}")
    metrics = folder / "metrics.csv"
    while command.process.is_alive() and not (metrics.is_file() and len(metrics.read_text().splitlines()) > epochs):
        time.sleep(0.02)
    os.kill(command.process.pid, signum)
    code, text = command.wait()
    assert code == exit_code, text
    result = json.loads((folder / "result.json").read_text())
    assert result["status"] == "interrupted"
    assert (folder / "checkpoints" / "last.ckpt").is_file()

    code, text = start(tmp_path / "log", f"resume={folder}").wait()
    assert code == 0, text
    assert numbers(folder) == (rows, weights)


class KillAt(Callback):
    """Sends this process SIGTERM after one batch."""

    def __init__(self, epoch: int, batch: int) -> None:
        self.at = (epoch, batch)

    def on_train_batch_start(self, trainer: Any, pl_module: Any, batch: Any, batch_idx: int) -> None:
        if (trainer.current_epoch, batch_idx) == self.at:
            os.kill(os.getpid(), signal.SIGTERM)


SHORT = (*SMALL, "trainer.max_epochs=3", "trainer.limit_train_batches=10", "logger=none", "callbacks=light")
STOP = "_target_: lightning.pytorch.callbacks.EarlyStopping, monitor: val/acc, mode: max, stopping_threshold: 0.01"


@pytest.mark.parametrize("at", [(0, 0), (1, 4), (1, 9), (2, 9)])
@pytest.mark.parametrize(
    "overrides",
    [
        ("trainer.accumulate_grad_batches=3", "trainer.gradient_clip_val=0.1"),
        ("optimizer=schedule_free", "model=cnn", "model.width=2", "select=best"),
        ("optimizer=muon", "scheduler=warmup_cosine", "trainer.precision=bf16-mixed"),
        ("optimizer=adam", f"+callbacks.stop={{{STOP}}}"),
        ("averaging=ema", "averaging.every_n_steps=3", "augmentation=affine", "model=cnn", "model.width=2"),
    ],
    ids=lambda overrides: overrides[0],
)
def test_wherever_a_run_is_stopped_it_resumes_to_the_same_bits(compose_run, tmp_path: Path, overrides, at):
    folder = tmp_path / "run"
    run(compose_run(*SHORT, *overrides))
    expected = numbers(folder)
    folder.rename(tmp_path / "uninterrupted")
    kill = f"+callbacks.kill={{_target_: tests.training.test_interruption.KillAt, epoch: {at[0]}, batch: {at[1]}}}"
    try:
        run(compose_run(*SHORT, *overrides, kill))
    except Interrupted:
        run(compose_run(*SHORT, *overrides, kill, f"resume={folder}"))  # the same experiment
    else:
        assert "EarlyStopping" in overrides[-1], "it stopped before"
    assert numbers(folder) == expected


def test_a_signal_that_comes_while_the_processes_ask_each_other_is_kept_for_the_next_step(tmp_path: Path):
    guard = SignalGuard()

    def reduce(signum: torch.Tensor, reduce_op: str) -> torch.Tensor:
        guard.received = signal.SIGTERM  # as the handler does, after this process has said that none has come
        return signum

    trainer = SimpleNamespace(world_size=2, strategy=SimpleNamespace(root_device="cpu", reduce=reduce))
    callback = StopOnSignal(guard, tmp_path / "last.ckpt")
    assert not callback._signal_received(trainer)
    assert guard.received == signal.SIGTERM
    assert callback._signal_received(trainer)

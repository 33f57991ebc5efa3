"""The same code on a GPU."""

import json
import signal
import time
from pathlib import Path
from typing import Any

import pytest
import torch

from cnnlab.apply.load import load_finished
from cnnlab.observe.diagnostics import read_diagnostics
from cnnlab.run.execution import run
from tests.processes import start
from tests.sweep.sweeps import gate
from tests.test_options import ELSEWHERE, OPTIONS
from tests.training.fast.fits import assert_same, fit, is_lean

pytestmark = [pytest.mark.gpu, pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")]

GPU = ("data=mnist_5k", "trainer=gpu", "trainer.max_epochs=2", "console=none")


def trained(folder: Path) -> dict[str, Any]:
    """The result of a run that was trained on the GPU."""
    result = json.loads((folder / "result.json").read_text())
    assert (result["status"], result["device"]) == ("completed", "cuda:0")
    return result


@pytest.mark.parametrize(("group", "option"), [option for option in OPTIONS if option not in ELSEWHERE])
def test_every_option_trains(compose_run, tmp_path: Path, group: str, option: str):
    if group in ("trainer", "data"):
        pytest.skip("other devices, and other data sets' files, are no matter of the GPU")
    choices = {"data": "mnist_5k", "callbacks": "light", "logger": "none", group: option, "trainer": "gpu"}
    overrides = [f"{name}={value}" for name, value in choices.items()]
    run(compose_run(*overrides, "trainer.fast_dev_run=2", "console=none"))
    assert trained(tmp_path / "run")["steps"] == 2


@pytest.mark.filterwarnings("ignore:`torch.jit.script_method` is deprecated")  # torch.compile's own
@pytest.mark.filterwarnings("ignore:TensorFloat32 tensor cores")
@pytest.mark.parametrize(
    "overrides",
    [
        ("trainer.precision=32-true",),
        ("trainer.precision=bf16-mixed",),
        ("trainer.precision=16-mixed",),
        pytest.param(
            ("model.compile=true",),
            marks=pytest.mark.xfail(strict=False, reason="two compilations need not add up in the same order"),
        ),
        ("augmentation=affine", "averaging=ema", "model=compact"),
        ("model.num_members=2", "optimizer=muon"),
        ("optimizer=schedule_free", "select=best"),
        ("trainer.cuda_graph=true", "optimizer=adamw", "scheduler=onecycle", "callbacks=full"),
        ("optimizer=adam", "optimizer.fused=false", "+optimizer.capturable=true"),  # refused on a CPU
    ],
    ids=lambda overrides: overrides[0],
)
def test_the_same_seed_gives_the_same_bits(compose_run, tmp_path: Path, overrides: tuple[str, ...]):
    hashes = []
    for name in ("first", "second"):
        run(compose_run(*GPU, *overrides))
        hashes.append(trained(tmp_path / "run")["weights_sha256"])
        (tmp_path / "run").rename(tmp_path / name)
    assert hashes[0] == hashes[1]


@pytest.mark.parametrize(
    ("overrides", "takes_it"),
    [
        (["optimizer=adam"], True),
        (["averaging=ema", "model=compact", "augmentation=affine"], True),
        (["trainer.accumulate_grad_batches=4", "trainer.gradient_clip_val=0.5"], False),
        (["trainer.precision=16-mixed"], False),
    ],
)
def test_the_lean_loop_is_lightnings(compose_run, tmp_path: Path, overrides: list[str], takes_it: bool):
    lean = fit(compose_run, tmp_path, "trainer.accelerator=cuda", *overrides, fast=True)
    stock = fit(compose_run, tmp_path, "trainer.accelerator=cuda", *overrides, fast=False)
    assert is_lean(lean.trainer) == takes_it
    assert_same(lean, stock)


@pytest.mark.parametrize("model", ["lecture", "compact", "cnn", "mlp"])
def test_it_computes_what_a_cpu_computes(compose_run, tmp_path: Path, model: str):
    rates = {"dropout", "channel_dropout"} & compose_run(f"model={model}").model.keys()
    overrides = (f"model={model}", "trainer.precision=64-true", *(f"model.{rate}=0.0" for rate in rates))
    on_gpu = fit(compose_run, tmp_path, *overrides, "trainer.accelerator=cuda", fast=True)
    on_cpu = fit(compose_run, tmp_path, *overrides, fast=True)
    assert on_gpu.trainer.strategy.root_device.type == "cuda"
    for name, weights in on_cpu.weights.items():
        torch.testing.assert_close(on_gpu.weights[name], weights, rtol=1e-7, atol=1e-9, msg=name)


@pytest.mark.parametrize(
    "overrides",
    [
        ("optimizer=adam",),
        ("averaging=ema", "augmentation=affine", "model=compact"),
        ("trainer.cuda_graph=true", "optimizer=momentum", "scheduler=cosine"),
    ],
)
def test_a_killed_run_resumes_to_the_same_bits_and_is_applied_on_a_cpu(tmp_path: Path, overrides: tuple[str, ...]):
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    typed = (*GPU, "logger=none", gate(tmp_path), *overrides)
    command = start(tmp_path / "out", *typed, f"hydra.run.dir={killed}")
    while command.process.is_alive() and not (killed / "metrics.csv").is_file():
        time.sleep(0.02)
    command.process.kill()
    assert command.wait()[0] == -signal.SIGKILL
    (tmp_path / "open").touch()
    for arguments in (
        (f"resume={killed}", f"callbacks.gate.opener={tmp_path / 'open'}"),
        (*typed, f"hydra.run.dir={whole}"),
    ):
        code, text = start(tmp_path / "out", *arguments).wait()
        assert code == 0, text
    assert trained(killed)["weights_sha256"] == trained(whole)["weights_sha256"]
    classifier, _ = load_finished(killed)
    assert {parameter.device.type for parameter in classifier.parameters()} == {"cpu"}


@pytest.mark.parametrize("model", ["lecture", "mlp"])
def test_every_layer_is_measured_as_on_a_cpu(compose_run, tmp_path: Path, model: str):
    readings = {}
    rates = {"dropout", "channel_dropout"} & compose_run(f"model={model}").model.keys()  # whose noise is the device's
    typed = (f"model={model}", "trainer.precision=64-true", *(f"model.{rate}=0.0" for rate in rates))
    for device in ("cuda", "cpu"):
        run(compose_run(*GPU, "callbacks=full", f"trainer.accelerator={device}", *typed))
        rows = read_diagnostics(tmp_path / "run" / "diagnostics.csv")
        readings[device] = {(step, layer, quantity): value for step, _epoch, layer, quantity, value in rows}
        (tmp_path / "run").rename(tmp_path / device)
    assert readings["cuda"] == pytest.approx(readings["cpu"], rel=1e-4, abs=1e-6)


@pytest.mark.parametrize("overrides", [(), ("trainer.cuda_graph=true",)], ids=" ".join)
def test_a_run_has_the_same_weights_whether_or_not_its_layers_are_measured(
    compose_run, tmp_path: Path, overrides: tuple[str, ...]
):
    hashes = []
    for callbacks in ("light", "full"):
        run(compose_run(*GPU, f"callbacks={callbacks}", *overrides))
        hashes.append(trained(tmp_path / "run")["weights_sha256"])
        (tmp_path / "run").rename(tmp_path / callbacks)
    assert hashes[0] == hashes[1]


@pytest.mark.parametrize("how", ["n_jobs=4", "jobs_per_gpu=2"])
def test_the_jobs_of_a_sweep_share_it(tmp_path: Path, how: str):
    typed = (*GPU, "trainer.max_epochs=1", "logger=none", "callbacks=light", f"hydra.launcher.{how}")
    code, text = start(tmp_path / "out", "-m", *typed, "seed=range(4)", f"hydra.sweep.dir={tmp_path / 'sweep'}").wait()
    assert code == 0, text
    assert f"4 jobs, {4 if how == 'n_jobs=4' else 2 * torch.cuda.device_count()} at a time (4 new)" in text
    hashes = {trained(tmp_path / "sweep" / f"seed={seed}")["weights_sha256"] for seed in range(4)}
    assert len(hashes) == 4


@pytest.mark.filterwarnings("ignore:Synchronization debug mode is a prototype")
def test_batches_are_cut_and_augmented_on_the_device():
    from cnnlab.data import EpochShuffle, RandomAffine, ShuffledBatches

    images, labels = torch.randn(256, 1, 28, 28, device="cuda"), torch.arange(256, device="cuda")
    batches = ShuffledBatches(
        images, labels, 64, EpochShuffle(0, 256), augmentation=RandomAffine(10, 2, 0.1, 10), background=-0.4
    )
    iterator = iter(batches)
    next(iterator)  # the epoch's order goes to the device with its first batch
    torch.cuda.set_sync_debug_mode("error")  # a copy between host and device would have to wait
    try:
        assert all(batch.device.type == "cuda" for batch in next(iterator))
    finally:
        torch.cuda.set_sync_debug_mode("default")

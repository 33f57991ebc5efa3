"""Devices that this machine lacks."""

import pytest
import torch

from cnnlab.errors import UserError
from cnnlab.training.devices import check_devices, training_device


@pytest.fixture(params=[0, 2])
def num_gpus(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: request.param)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    monkeypatch.setattr("os.cpu_count", lambda: 4)
    return request.param


def test_a_gpu_is_refused_where_there_is_none(compose_run, num_gpus: int):
    for overrides in (["trainer=gpu"], ["trainer.accelerator=gpu"]):
        config = compose_run(*overrides)
        if num_gpus:
            check_devices(config)
            continue
        with pytest.raises(
            UserError, match=r"needs a GPU, and torch finds none .*; use trainer=cpu, or trainer=default"
        ):
            check_devices(config)


def test_more_devices_than_there_are_are_refused(compose_run, num_gpus: int):
    available = num_gpus or 4
    check_devices(compose_run(f"trainer.devices={available}"))
    with pytest.raises(UserError, match=f"trainer.devices=8 is more than this machine has: {available} "):
        check_devices(compose_run("trainer.devices=8"))
    with pytest.raises(UserError, match="more than this machine has: 4 cores, and each device is a process"):
        check_devices(compose_run("trainer=ddp", "trainer.accelerator=cpu", "trainer.devices=8"))


def test_a_gpu_by_a_number_that_does_not_exist_is_refused(compose_run, num_gpus: int):
    if num_gpus:
        check_devices(compose_run("trainer.devices=[1]"))
        with pytest.raises(UserError, match="names a GPU that this machine lacks; its GPUs are 0, 1"):
            check_devices(compose_run("trainer.devices=[2]"))


def test_a_cuda_graph_is_refused_where_there_is_no_gpu(compose_run, num_gpus: int, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: num_gpus > 0)
    config = compose_run("trainer.cuda_graph=true")
    if num_gpus:
        check_devices(config)
        return
    with pytest.raises(
        UserError, match=r"cuda_graph=true needs a CUDA device, and torch finds none .*; use trainer.cu"
    ):
        check_devices(config)


@pytest.mark.usefixtures("num_gpus")
def test_what_is_no_device_is_refused(compose_run):
    with pytest.raises(UserError, match=r"trainer\.accelerator=gpuu is not allowed; it must be one of auto, gpu, c"):
        check_devices(compose_run("trainer.accelerator=gpuu"))
    with pytest.raises(UserError, match=r"trainer\.devices=0 is not allowed; it must be a number >= 1, or -1"):
        check_devices(compose_run("trainer.devices=0"))


@pytest.mark.parametrize(
    ("trainer", "has_gpu", "device"),
    [("default", True, "cuda"), ("default", False, "cpu"), ("gpu", True, "cuda"), ("cpu", True, "cpu")],
)
def test_a_run_is_tried_where_it_trains(
    compose_run, monkeypatch: pytest.MonkeyPatch, trainer: str, has_gpu: bool, device: str
):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: has_gpu)
    assert training_device(compose_run(f"trainer={trainer}")) == torch.device(device)

"""Clusters that do not answer."""

import socket
from pathlib import Path

import pytest

from cnnlab.errors import UserError


def slurm(folder: Path) -> None:
    pytest.importorskip("submitit")
    from cnnlab.sweep.engines.slurm import SlurmEngine

    SlurmEngine(folder, {}, max_num_timeout=1, threads=1, num_at_a_time=1, poll_s=1)


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("echo one >&2; echo 'squeue: error: Unable to contact slurm controller' >&2; exit 1", "Unable to contact"),
        ("exit 1", "squeue failed"),
        ("exec sleep 30", r"no answer within 0\.2 s"),
    ],
)
def test_a_slurm_that_is_down_is_named_before_anything_is_submitted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str, said: str
):
    pytest.importorskip("submitit")
    squeue = tmp_path / "squeue"
    squeue.write_text(f"#!/bin/sh\n{script}\n")
    squeue.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    monkeypatch.setattr("cnnlab.sweep.engines.slurm.ANSWER_S", 0.2)
    with pytest.raises(UserError, match=rf"Slurm is unavailable \(.*{said}.*\); try later") as error:
        slurm(tmp_path)
    assert "\n" not in str(error.value)


@pytest.mark.slow
@pytest.mark.parametrize("address", ["127.0.0.1:{}", "ray://127.0.0.1:{}", "ray://localhost:{}", "[::1]:{}", "ray://:"])
def test_a_ray_cluster_that_is_not_there_is_named_at_once(
    tmp_path: Path, address: str, capsys: pytest.CaptureFixture[str]
):
    pytest.importorskip("ray")
    from cnnlab.sweep.engines.ray import RayEngine

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = address.format(free.getsockname()[1])
        with pytest.raises(UserError, match=r"no Ray cluster answers at .*\(.*\); start it, or correct") as error:
            RayEngine({"address": address}, {}, threads=1, folder=tmp_path)
    assert f" {address} (" in str(error.value)
    assert capsys.readouterr().err == f"connecting to the Ray cluster at {address}\n"

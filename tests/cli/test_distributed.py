"""Variables that launchers leave in the environment."""

import os

import pytest

from cnnlab.cli.distributed import FIRST_PROCESS, LAUNCHERS, is_worker, isolate
from cnnlab.errors import UserError


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """One that each test may change."""
    for name in (*LAUNCHERS, FIRST_PROCESS, "SLURM_NTASKS", "SLURM_JOB_NAME"):
        monkeypatch.setenv(name, "")  # so that it comes back
        monkeypatch.delenv(name)


def test_a_worker_is_what_our_first_process_started(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("LOCAL_RANK", "1")
    assert not is_worker()  # torchrun, or a leftover
    monkeypatch.setenv(FIRST_PROCESS, str(os.getpid()))
    assert not is_worker()  # inherited from somewhere else
    monkeypatch.setenv(FIRST_PROCESS, str(os.getppid()))
    assert is_worker()
    monkeypatch.setenv("LOCAL_RANK", "0")
    assert not is_worker()  # a program that the first process has started
    monkeypatch.delenv("LOCAL_RANK")
    assert not is_worker()


def test_what_a_launcher_left_is_removed(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    left = {"LOCAL_RANK": "1", "RANK": "3", "WORLD_SIZE": "4", "MASTER_ADDR": "nowhere", "SLURM_PROCID": "2"}
    for name, value in {**left, "SLURM_NTASKS": "4", "SLURM_JOB_NAME": "train"}.items():
        monkeypatch.setenv(name, value)
    isolate()
    assert not set(left) & set(os.environ)
    assert os.environ["SLURM_JOB_NAME"] == "bash"  # for Lightning: an interactive shell
    assert capsys.readouterr().err == ""


def test_lightnings_own_defaults_and_seeds_are_removed_with_a_word(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    for name in ("PL_TRAINER_MAX_STEPS", "PL_GLOBAL_SEED"):
        monkeypatch.setenv(name, "7")
    isolate()
    assert "PL_TRAINER_MAX_STEPS" not in os.environ
    assert "PL_GLOBAL_SEED" not in os.environ
    assert capsys.readouterr().err == (
        "ignored: PL_GLOBAL_SEED, PL_TRAINER_MAX_STEPS in the environment; a run depends on its config alone\n"
    )


def test_torchrun_is_refused_with_what_to_type(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("TORCHELASTIC_RUN_ID", "none")
    monkeypatch.setenv("WORLD_SIZE", "1")
    isolate()
    monkeypatch.setenv("TORCHELASTIC_RUN_ID", "none")
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(UserError, match=r"would run the same experiment 2 times: .* trainer=ddp trainer.devices=2"):
        isolate()

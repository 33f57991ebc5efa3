"""What is silent, and what a user asks for and hears."""

import logging
import warnings
from pathlib import Path

import pytest
from lightning.pytorch.utilities import rank_zero_info

from cnnlab.run.execution import run
from cnnlab.training.quiet import quieten
from tests.conftest import SMALL

SHORT = (*SMALL, "trainer.max_epochs=1", "trainer.limit_train_batches=2", "logger=none", "callbacks=light")


@pytest.mark.parametrize(("profiler", "words"), [("simple", "Profiler Report"), ("advanced", "function calls")])
def test_a_profiler_prints_its_report(compose_run, caplog: pytest.LogCaptureFixture, profiler: str, words: str):
    run(compose_run(*SHORT, f"+trainer.profiler={profiler}"))
    assert words in caplog.text
    assert "training_step" in caplog.text


def test_a_profilers_file_is_in_the_run_folder(compose_run, tmp_path: Path):
    profiler = "{_target_: lightning.pytorch.profilers.SimpleProfiler, dirpath: profile, filename: steps}"
    run(compose_run(*SHORT, f"+trainer.profiler={profiler}"))
    assert "training_step" in (tmp_path / "run" / "profile" / "fit-steps.txt").read_text()


def test_the_trainers_own_summary_is_printed(compose_run, capsys: pytest.CaptureFixture[str]):
    run(compose_run(*SHORT, "trainer.enable_model_summary=true"))
    assert "LectureNet" in capsys.readouterr().out


def test_a_timer_says_that_it_stops_the_run(compose_run, caplog: pytest.LogCaptureFixture):
    timer = "{_target_: lightning.pytorch.callbacks.Timer, duration: {seconds: 0}, interval: epoch}"
    run(compose_run(*SHORT, f"+callbacks.timer={timer}"))
    assert "Time limit reached" in caplog.text


def test_hints_are_silent_and_nothing_is_printed_twice(caplog: pytest.LogCaptureFixture):
    with warnings.catch_warnings():
        quieten()
        quieten()
    rank_zero_info("a hint")
    logging.getLogger("lightning.pytorch.callbacks.model_summary").info("a report")
    assert "a hint" not in caplog.text
    assert caplog.text.count("a report") == 1
    assert not logging.getLogger("lightning").handlers

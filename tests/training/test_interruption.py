import csv
import json
import os
import random
import signal
import time
from pathlib import Path

import pytest

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
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[dict[str, str]], str, float]:
    folder = tmp_path_factory.mktemp("undisturbed")
    code, text = start(folder / "log", *RUN, f"hydra.run.dir={folder / 'run'}").wait()
    assert code == 0, text
    seconds = json.loads((folder / "run" / "result.json").read_text())["seconds"]
    return *numbers(folder / "run"), seconds["setup"] + seconds["fit"]


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(4))
def test_a_run_killed_at_random_moments_ends_in_the_same_bits(undisturbed, tmp_path: Path, seed: int):
    rows, weights, seconds = undisturbed
    folder, moments = tmp_path / "run", random.Random(seed)
    command = start(tmp_path / "log", *RUN, f"hydra.run.dir={folder}")
    kills = 0
    while kills < 4:
        command.process.join(moments.uniform(0.2, 0.8 * seconds))
        if command.process.exitcode is not None:
            break
        os.kill(command.process.pid, signal.SIGKILL)
        command.process.join()
        assert not (folder / "result.json").exists()
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
    assert not [path for path in folder.rglob(".*") if path.name not in (".hydra",)]


@pytest.mark.slow
@pytest.mark.parametrize(("signum", "exit_code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
@pytest.mark.parametrize("fraction", [0.3, 0.7])
def test_a_signal_leaves_a_checkpoint_from_which_the_run_ends_in_the_same_bits(
    undisturbed, tmp_path: Path, signum: int, exit_code: int, fraction: float
):
    rows, weights, seconds = undisturbed
    folder = tmp_path / "run"
    command = start(tmp_path / "log", *RUN, f"hydra.run.dir={folder}")
    while not (folder / "metrics.csv").is_file():
        time.sleep(0.02)
    time.sleep(fraction * seconds / 4)
    os.kill(command.process.pid, signum)
    code, text = command.wait()
    assert code == exit_code, text
    result = json.loads((folder / "result.json").read_text())
    assert result["status"] == "interrupted"
    assert (folder / "checkpoints" / "last.ckpt").is_file()

    code, text = start(tmp_path / "log", f"resume={folder}").wait()
    assert code == 0, text
    assert numbers(folder) == (rows, weights)

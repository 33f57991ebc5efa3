"""What a search leaves at its end."""

import errno
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import optuna
import pytest
from hydra import compose, initialize_config_dir
from hydra.core.override_parser.overrides_parser import OverridesParser
from optuna.study import Study

from cnnlab.errors import UserError
from cnnlab.sweep.search import Space
from cnnlab.sweep.search.best import Compose, conclude
from tests.conftest import REPOSITORY

pytestmark = pytest.mark.filterwarnings("ignore::optuna.exceptions.ExperimentalWarning")

SPACE = Space.of(OverridesParser.create().parse_overrides(["optimizer.lr=interval(0.1,1)"]))


@pytest.fixture(scope="module")
def study() -> Study:
    study = optuna.create_study()
    for rate in (0.25, 0.5):
        study.enqueue_trial({"optimizer.lr": rate})
        study.tell(study.ask(SPACE.distributions), rate)
    return study


@pytest.fixture
def composing() -> Iterator[Compose]:
    with initialize_config_dir(str(REPOSITORY / "conf"), version_base="1.3"):
        yield lambda overrides: compose("train", overrides, return_hydra_config=True)


def test_the_best_trial_and_the_pictures_are_written(
    study: Study, composing: Compose, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    conclude(study, SPACE, tmp_path, composing)
    content = (tmp_path / "experiment" / "best_trial.yaml").read_text()
    assert content.endswith("optimizer:\n  lr: 0.25\n")
    assert f"--config-dir {tmp_path} experiment=best_trial" in capsys.readouterr().out
    assert (tmp_path / "history.png").is_file()


def link(path: Path) -> None:
    (path.parent / "elsewhere").mkdir()
    path.symlink_to("elsewhere")


@pytest.mark.parametrize(
    ("name", "put"),
    [
        ("experiment", Path.touch),
        ("experiment", link),
        ("experiment/best_trial.yaml", Path.mkdir),
        ("history.png", Path.mkdir),
    ],
)
def test_what_is_in_the_way_is_an_error_and_not_a_remark(
    study: Study, composing: Compose, tmp_path: Path, name: str, put: Callable[[Path], None]
):
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    put(path)
    with pytest.raises(UserError, match=f"the search is done, but {path} cannot be written .*, and run the same"):
        conclude(study, SPACE, tmp_path, composing)
    assert not list(tmp_path.glob("elsewhere/*"))


def test_a_full_disk_is_an_error_too(study: Study, composing: Compose, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def fail(path: Path, content: bytes) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))

    monkeypatch.setattr("cnnlab.sweep.search.best.write_atomically", fail)
    with pytest.raises(UserError, match=r"best_trial\.yaml cannot be written \(No space left on device\); free some"):
        conclude(study, SPACE, tmp_path, composing)

"""What a sweep rejects, before it writes a file."""

from pathlib import Path

import pytest

from cnnlab.errors import UserError
from cnnlab.sweep.launcher import _config_flags, prepare_folder
from hydra_plugins.cnnlab_plugins.local import LocalLauncher
from tests.conftest import SMALL
from tests.processes import start


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("optimizer=glob(zz*)",), "this sweep has no jobs"),
        (("seed=range(0,0)",), "this sweep has no jobs"),
        (("seed=0,1", "hydra.launcher.n_jobs=0"), "n_jobs=0 is not allowed; it must be null or an integer >= 1"),
        (("seed=0,1", "hydra.launcher.n_jobs=abc"), "n_jobs=abc is not allowed"),
        (("seed=0,1", "hydra.launcher.jobs_per_gpu=0"), "jobs_per_gpu=0 is not allowed; it must be null or an integer"),
        (
            ("seed=0,1", "hydra.launcher.jobs_per_gpu=2"),
            "jobs_per_gpu=2 has no effect with trainer.accelerator=cpu; us",
        ),
        (
            ("seed=0,1", "hydra/launcher=ray", "hydra.launcher.jobs_per_gpu=2"),
            "hydra.launcher.jobs_per_gpu is not in this config; it belongs to hydra/launcher=local",
        ),
        (("seed=0,1", "hydra.launcher.threads_per_job=null"), "threads_per_job=null is not allowed"),
        (("seed=0,1", "hydra.launcher.timeout_s=-1"), "timeout_s=-1 is not allowed; it must be null or a number > 0"),
        (("seed=0,1", "hydra.sweeper.max_batch_size=2"), "hydra.sweeper.max_batch_size is not in this config"),
        (("seed=0,1", "hydra.output_subdir=null"), "hydra.output_subdir=null is not allowed in a sweep"),
        (("optimizer.lr=interval(0,1)",), "an interval has no finite list of values; give values, or search it"),
        (
            ("seed=0,1", "sweep.name=a,b"),
            "sweep.name=a,b: a sweep's own settings cannot be swept; give sweep.name a single value",
        ),
        (("sweep=pooling", "seed=3,3"), "seed=3,3 repeats 3, which would be the same run; give each value once"),
        (("seed=3,3", "hydra/sweeper=basic"), "the job seed=3 is repeated, which would be the same run; give each"),
        (("seed=0,1", "sweep.name="), "sweep.name= is not allowed; it must be null or a name, of one folder: write sw"),
        (("sweep=pooling", "++seed=3"), "two jobs would share the folder pool=avg"),
    ],
)
def test_what_is_refused_leaves_nothing(tmp_path: Path, arguments: tuple[str, ...], words: str):
    folder = tmp_path / "sweep"
    code, text = start(tmp_path / "output", "-m", *SMALL, f"hydra.sweep.dir={folder}", *arguments).wait()
    assert code == 2, text
    assert words in text
    assert text.count("\n") == 1, text
    assert not folder.exists() or [path.name for path in folder.iterdir()] == ["multirun.yaml"]  # Hydra's own


def test_gpus_cannot_be_shared_where_there_are_none(tmp_path: Path):
    typed = ("trainer.accelerator=auto", "hydra.launcher.jobs_per_gpu=4", f"hydra.sweep.dir={tmp_path / 'sweep'}")
    environment = {"CUDA_VISIBLE_DEVICES": ""}
    for more in ((), ("sweep.dry_run=true",)):
        command = start(tmp_path / "output", "-m", *SMALL, "seed=0,1", *typed, *more, environment=environment)
        code, text = command.wait()
        assert code == 2, text
        assert "error: hydra.launcher.jobs_per_gpu=4 needs a GPU, and this machine has none (CUDA_VISIBLE_DE" in text
        assert not (tmp_path / "sweep").exists() or [path.name for path in (tmp_path / "sweep").iterdir()] == [
            "multirun.yaml"  # Hydra's own
        ]


def test_logs_are_not_written_behind_a_link(tmp_path: Path):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "logs").symlink_to("elsewhere")
    with pytest.raises(UserError, match=r"logs \(it is a link to elsewhere, not a folder\); remove what is there"):
        prepare_folder(tmp_path / "logs", may_be_link=False)


def test_read_only_logs_are_refused_before_the_jobs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("os.access", lambda path, mode: path != tmp_path)  # nothing is read-only for root
    with pytest.raises(UserError, match=r"\(Permission denied\); make it writable, or choose another sweep"):
        prepare_folder(tmp_path)


def test_a_name_may_be_a_number(tmp_path: Path):
    typed = ("seed=0,1", "sweep.name=2024", "sweep.dry_run=true", f"hydra.sweep.dir={tmp_path}")
    code, text = start(tmp_path / "output", "-m", *SMALL, *typed).wait()
    assert code == 0, text
    assert text.splitlines()[2:] == ["  seed=0: new", "  seed=1: new"]


def test_the_local_launcher_says_what_to_take_where_nothing_can_be_forked(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("multiprocessing.get_all_start_methods", lambda: ["spawn"])
    with pytest.raises(UserError, match=r"hydra/launcher=local is unavailable on this system.* hydra/launcher=basic"):
        LocalLauncher(None, 1, None).check_available()


@pytest.mark.parametrize(
    ("typed", "flags"),
    [
        ("-cd more -cn=mine", ["--config-name=mine", "--config-dir=more"]),
        ("--config-dir=more --config-name mine", ["--config-name=mine", "--config-dir=more"]),
        ("optimizer=sgd,adam hydra.verbose=true", []),
    ],
)
def test_the_jobs_have_the_sweeps_config(monkeypatch: pytest.MonkeyPatch, typed: str, flags: list[str]):
    monkeypatch.setattr("sys.argv", ["train.py", "-m", *typed.split(), "seed=0"])
    assert _config_flags() == flags

"""train.py as a user runs it, in real processes."""

import json
import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import REPOSITORY, SMALL
from tests.processes import start, unmeasured

FAST = (*SMALL, "trainer.max_epochs=1", "trainer.limit_train_batches=3", "callbacks=light", "logger=none")


def train(*arguments: str, environment: dict[str, str] | None = None) -> tuple[int, str]:
    """Exit code, and all that was printed, of a fresh interpreter."""
    command = [sys.executable, "train.py", *arguments]
    done = subprocess.run(command, cwd=REPOSITORY, env=environment, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize("flags", [["--help"], ["--cfg", "job"]])
def test_help_and_config_come_without_torch(flags: list[str]):
    code, text = train(*flags)
    assert code == 0
    imported = subprocess.run(
        [sys.executable, "-X", "importtime", "train.py", *flags],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=True,
    ).stderr
    assert " cnnlab.cli" in imported
    assert " torch" not in imported
    assert " cnnlab.sweep.engines.fork_server" not in imported  # only a sweep needs it
    assert " cnnlab.sweep.engines.local" not in imported
    assert ("adagrad" if flags == ["--help"] else "optimizer:") in text


def test_help_shows_five_examples_that_compose(compose_run):
    _, text = train("--help")
    lines = [line.partition("python train.py")[2] for line in text.partition("Five examples:")[2].splitlines()[1:6]]
    for line in lines:
        compose_run(*[word.partition(",")[0] for word in line.split() if "=" in word])
    assert len(set(lines)) == 5


@pytest.mark.parametrize("flags", [["--help"], ["--cfg", "job"]])
def test_help_and_config_come_in_under_two_seconds(flags: list[str]):
    """Of processor time, since other tests run beside this one; the least of three, since a busy machine only adds."""
    assert min(processor_s(*flags) for _ in range(3)) < 2


def processor_s(*arguments: str) -> float:
    """Of a fresh interpreter with train.py."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    train(*arguments, environment=unmeasured())
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (
            ["optimizer=adamm"],
            "error: optimizer=adamm is not an option; choose from adadelta, adagrad, adagrad_lecture, ",
        ),
        (["optimizer.lr=-1"], "error: optimizer.lr=-1 is not allowed; it must be a number > 0"),
        (["data.batch_size=0"], "error: data.batch_size=0 is not allowed; it must be an integer >= 1"),
        (["data.num_val=60000"], "error: data.num_val=60000 is not allowed; mnist has 60000 training images"),
        (["trainer.max_epochs=x"], "error: trainer.max_epochs=x is not allowed; it must be an integer >= 1"),
        (["data.root=pyproject.toml"], "error: data.root=pyproject.toml is a file; it must be a folder"),
        (
            ["model=softmax_regression", "pool=avg"],
            "error: pool=avg has no effect: SoftmaxRegression has no pool layer",
        ),
        (["optimizer.rate=1"], "error: optimizer.rate is not in this config; did you mean optimizer.lr=1?"),
        (["model=null"], "error: model=null: null is not an option; choose from cnn, compact, "),
        (["hydra.run.dir=/proc/x/run"], "error: cannot create the run folder /proc/x/run: No such file or directory"),
        (["adam"], "error: adam is not an override: did you mean optimizer=adam?"),
        (["resume=nowhere"], "error: resume=nowhere: no run there"),
        (["hydra.run.dir=src"], "error: src is not empty, and runs cannot share a folder"),
        (["hydra.run.dir=train.py/run"], "error: cannot create the run folder train.py/run: Not a directory; "),
        (
            ["data.root=${nothing}"],
            "error: data.root cannot be resolved: ${nothing} refers to a key that does not exist; ",
        ),
    ],
)
def test_a_wrong_value_is_one_line_and_exit_code_2(tmp_path: Path, arguments: list[str], line: str):
    folder = tmp_path / "run"
    where = [] if any(word.startswith("hydra.run.dir") for word in arguments) else [f"hydra.run.dir={folder}"]
    code, text = train(*arguments, *where)
    assert code == 2
    assert text.startswith(line)
    assert text.count("\n") == 1
    assert not folder.exists()


def test_adamm_is_probably_adam():
    assert "; did you mean adam?" in train("optimizer=adamm")[1]


def test_what_only_torch_can_refuse_is_one_line_too(tmp_path: Path):
    folder = tmp_path / "run"
    code, text = start(tmp_path / "log", *FAST, "trainer.precision=7", f"hydra.run.dir={folder}").wait()
    assert code == 2
    assert text.startswith("error: trainer: Precision 7 is invalid.")
    assert text.count("\n") == 1
    assert json.loads((folder / "result.json").read_text())["status"] == "failed"


def test_a_divergence_exits_with_3(tmp_path: Path):
    code, text = start(tmp_path / "log", *FAST, "optimizer.lr=1e12", f"hydra.run.dir={tmp_path / 'run'}").wait()
    assert (code, text.count("\n")) == (3, 1)
    assert text.startswith("diverged: the training loss became ")
    code, text = start(tmp_path / "again", f"resume={tmp_path / 'run'}").wait()
    advice = "and would diverge again; start a new run, with a smaller optimizer.lr for example"
    assert (code, text) == (3, f"nothing to do: the run in {tmp_path / 'run'} is diverged, {advice}\n")


def test_a_fault_of_ours_shows_its_traceback(tmp_path: Path):
    hook = "{_target_: torch.nn.init.zeros_, _partial_: true}"
    bug = f"_target_: lightning.pytorch.callbacks.LambdaCallback, on_fit_start: {hook}"
    code, text = start(tmp_path / "log", *FAST, f"+callbacks.bug={{{bug}}}", f"hydra.run.dir={tmp_path / 'run'}").wait()
    assert code == 1
    assert "Traceback" in text
    assert json.loads((tmp_path / "run" / "result.json").read_text())["status"] == "failed"


def test_the_same_seed_gives_the_same_weights_in_two_processes(tmp_path: Path):
    hashes = []
    for name in ("first", "second"):
        code, text = start(tmp_path / name, *FAST, f"hydra.run.dir={tmp_path}/{name}-run").wait()
        assert code == 0, text
        hashes.append(json.loads((tmp_path / f"{name}-run" / "result.json").read_text())["weights_sha256"])
    assert hashes[0] == hashes[1]


def test_a_finished_run_has_nothing_to_resume(tmp_path: Path):
    folder = tmp_path / "run"
    start(tmp_path / "log", *FAST, f"hydra.run.dir={folder}").wait()
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
    code, text = start(tmp_path / "again", f"resume={folder}").wait()
    assert code == 0
    assert text == f"nothing to do: the run in {folder} is completed\n"
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*")} == before


def test_a_run_does_not_resume_as_another_experiment_and_stays_as_it_is(tmp_path: Path):
    folder = tmp_path / "run"
    start(tmp_path / "log", *FAST, f"hydra.run.dir={folder}").wait()
    (folder / "result.json").unlink()  # as if it had been killed; with it, there is nothing to resume
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    for change, line in (
        ("seed=1", f"error: seed=1, but the run in {folder} has seed=0; resume it without the change"),
        ("optimizer=adam", "error: optimizer._target_=torch.optim.Adam, but the run in "),
    ):
        code, text = train(f"resume={folder}", change)
        assert code == 2
        assert text.startswith(line)
        assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before


def test_two_jobs_of_a_sweep_do_not_share_a_folder(tmp_path: Path):
    sweep = [
        "-m",
        "hydra/launcher=basic",
        "seed=0,1",
        f"hydra.sweep.dir={tmp_path / 'sweep'}",
        "hydra.sweep.subdir=same",
    ]
    code, text = start(tmp_path / "log", *sweep, *FAST).wait()
    assert code == 2
    assert "already has a result, and runs cannot share a folder" in text
    assert json.loads((tmp_path / "sweep" / "same" / "result.json").read_text())["seed"] == 0


def test_a_sweep_with_hydras_own_launcher_runs_every_job_past_a_failure(tmp_path: Path):
    hydras = ["hydra/launcher=basic", "hydra/sweeper=basic"]
    sweep = ["-m", *hydras, "activation=relu,tanh", "optimizer.lr=-1,0.01", f"hydra.sweep.dir={tmp_path / 'sweep'}"]
    code, text = start(tmp_path / "log", *sweep, *FAST).wait()
    assert code == 2, text
    names = {path.name for path in (tmp_path / "sweep").iterdir() if path.is_dir()}
    assert names == {f"activation={name},optimizer.lr={lr}" for name in ("relu", "tanh") for lr in ("-1", "0.01")}
    results = [json.loads(path.read_text()) for path in (tmp_path / "sweep").glob("*/result.json")]
    assert {(result["overrides"][0], result["overrides"][1]): result["status"] for result in results} == {
        ("activation=relu", "optimizer.lr=-1"): "failed",
        ("activation=relu", "optimizer.lr=0.01"): "completed",
        ("activation=tanh", "optimizer.lr=-1"): "failed",
        ("activation=tanh", "optimizer.lr=0.01"): "completed",
    }


def limit_file_size() -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))


@pytest.mark.slow
def test_a_disk_that_fills_up_is_one_line_and_no_half_written_file(tmp_path: Path):
    folder = tmp_path / "run"
    done = subprocess.run(
        [sys.executable, "train.py", *FAST, f"hydra.run.dir={folder}"],
        cwd=REPOSITORY, capture_output=True, text=True, check=False, preexec_fn=limit_file_size,
        env={name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_")},
    )  # fmt: skip
    assert done.returncode == 2
    assert done.stderr.startswith("error: cannot write the run's files: File too large")
    assert done.stderr.count("\n") == 1
    assert list((folder / "checkpoints").iterdir()) == []
    assert json.loads((folder / "result.json").read_text())["status"] == "failed"


def test_tab_completion_is_installed_and_knows_the_options():
    line = "python train.py optimizer=adad"
    script = f"""
    eval "$(python train.py -sc install=bash)"
    COMP_LINE='{line}' COMP_CWORD=2; hydra_bash_completion; echo "${{COMPREPLY[@]}}"
    """
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-c", script], cwd=REPOSITORY, env=unmeasured() | {"PATH": path}, capture_output=True, text=True,
    )  # fmt: skip
    assert done.stdout.strip() == "optimizer=adadelta", done.stderr
    assert "@hydra.main" in (REPOSITORY / "train.py").read_text()  # what the completion for fish looks for

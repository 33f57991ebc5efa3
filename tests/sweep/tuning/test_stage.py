"""`sweep.tune=…`, from the command line."""

import json
import shutil
import signal
from pathlib import Path
from typing import Any

import pytest

from tests import processes
from tests.conftest import SMALL
from tests.sweep.sweeps import finish, gate, results, start, sweep, wait_for

TUNED = ("loss=mse,cross_entropy", "seed=0,1", "sweep.tune=lr", "tuning.num_trials=3", "sweep.report=false")


def record(folder: Path) -> dict[str, Any]:
    return json.loads((folder / "tuning.json").read_text())


@pytest.fixture(scope="module")
def tuned(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    folder = tmp_path_factory.mktemp("tuned") / "sweep"
    code, text = sweep(folder, *TUNED)
    assert code == 0, text
    return folder, text


@pytest.mark.slow
def test_the_trials_see_no_test_image_and_only_tuning_seeds(tuned: tuple[Path, str]):
    trials = results(tuned[0] / "tuning")
    assert len(trials) == 2 * 3
    assert {result["seed"] for result in trials.values()} == {1000}
    assert {result["metrics"]["test/acc"] for result in trials.values()} == {None}
    assert not list((tuned[0] / "tuning").glob("*/predictions.npz"))


@pytest.mark.slow
def test_each_configuration_is_reported_with_the_values_of_its_best_trial(tuned: tuple[Path, str]):
    folder, text = tuned
    for candidate in record(folder)["candidates"]:
        scores = [trial["scores"][0] for trial in candidate["trials"]]
        rate = candidate["trials"][candidate["chosen"]]["values"]["optimizer.lr"]
        assert scores[candidate["chosen"]] == max(scores)
        loss = candidate["overrides"][-1]
        of_loss = [result for name, result in results(folder).items() if loss in name.split(",")]
        assert {result["seed"] for result in of_loss} == {0, 1}
        assert {result["params"]["optimizer.lr"] for result in of_loss} == {float(rate)}
        assert f"{loss}: optimizer.lr={rate} (val/acc " in text


@pytest.mark.slow
def test_the_jobs_are_named_as_without_tuning(tuned: tuple[Path, str]):
    names = {f"loss={loss},seed={seed}" for loss in ("mse", "cross_entropy") for seed in (0, 1)}
    assert set(results(tuned[0])) == names


@pytest.mark.slow
def test_the_same_command_runs_nothing_again(tuned: tuple[Path, str]):
    folder, _ = tuned
    before = {path: path.stat().st_mtime_ns for path in folder.glob("**/result.json")}
    code, text = sweep(folder, *TUNED)
    assert code == 0
    assert "6 jobs, " in text
    assert "(6 done)" in text
    assert "(4 done)" in text
    assert {path: path.stat().st_mtime_ns for path in folder.glob("**/result.json")} == before


@pytest.mark.slow
def test_trials_of_another_sweeps_record_are_not_run_again(tmp_path: Path, tuned: tuple[Path, str]):
    path, folder = tuned[0] / "tuning.json", tmp_path / "sweep"
    code, text = sweep(folder, *TUNED, "seed=2", "pool=max,avg", f"tuning.record={path}")  # max is the default
    assert code == 0, text
    assert f"{path} has the trials of 2 of 4 configurations" in text
    assert {result["choices"]["pool"] for result in results(folder / "tuning").values()} == {"avg"}
    found = record(folder)["candidates"]
    recorded = {each["fingerprint"]: each["trials"] for each in record(tuned[0])["candidates"]}
    assert [each["trials"] for each in found if "pool=max" in each["overrides"]] == list(recorded.values())
    assert len(found) == 4
    for each in found:
        (rate,) = each["trials"][each["chosen"]]["values"].values()
        loss, pool = sorted(text for text in each["overrides"] if text.startswith(("loss=", "pool=")))
        assert results(folder)[f"{loss},{pool}"]["params"]["optimizer.lr"] == float(rate)


@pytest.mark.slow
def test_a_record_of_another_experiment_is_not_used(tmp_path: Path, tuned: tuple[Path, str]):
    typed = (*TUNED, f"tuning.record={tuned[0] / 'tuning.json'}", "sweep.dry_run=true")
    code, text = sweep(tmp_path / "sweep", *typed, "optimizer.momentum=0.8")
    assert code == 0, text
    assert "has the trials of" not in text
    assert "tuning: 6 jobs" in text


@pytest.mark.slow
def test_with_another_objective_the_same_trials_are_compared_by_it(tuned: tuple[Path, str]):
    folder = tuned[0].with_name("by_loss")
    shutil.copytree(tuned[0], folder)
    code, text = sweep(folder, *TUNED, "objective=val/loss")
    assert code == 0, text
    assert "(6 done)" in text
    for candidate in record(folder)["candidates"]:
        loss = next(text for text in candidate["overrides"] if text.startswith("loss="))
        losses = [
            result["metrics"]["val/loss"]
            for trial in candidate["trials"]
            for result in results(folder / "tuning").values()
            if loss in result["overrides"] and f"optimizer.lr={trial['values']['optimizer.lr']}" in result["overrides"]
        ]
        assert [trial["scores"][0] for trial in candidate["trials"]] == losses
        assert losses[candidate["chosen"]] == min(losses)


@pytest.mark.slow
def test_more_trials_keep_those_that_there_are(tuned: tuple[Path, str]):
    folder, _ = tuned
    code, text = sweep(folder, *TUNED, "sweep.tune=random", "tuning.num_trials=2", "sweep.dry_run=true")
    assert code == 0
    assert "tuning: 4 jobs" in text
    code, text = sweep(folder, *TUNED, "sweep.tune=random", "tuning.num_trials=3", "sweep.dry_run=true")
    assert "tuning: 6 jobs" in text


@pytest.mark.slow
def test_killed_among_its_trials_it_resumes_them_and_chooses_the_same(tmp_path: Path, tuned: tuple[Path, str]):
    folder = tmp_path / "sweep"
    process = start(folder, *TUNED, gate(folder / "tuning"))
    wait_for(process, folder / "tuning", "*/checkpoints/last.ckpt")
    process.send_signal(signal.SIGINT)
    code, text = finish(process)
    assert code == 128 + signal.SIGINT
    assert "run the same command again to resume the sweep" in text
    assert not (folder / "tuning.json").exists()
    assert not results(folder)
    (folder / "tuning" / "open").touch()
    code, text = sweep(folder, *TUNED, gate(folder / "tuning"))
    assert code == 0, text
    chosen = [(each["chosen"], each["trials"]) for each in record(folder)["candidates"]]
    expected = [(each["chosen"], each["trials"]) for each in record(tuned[0])["candidates"]]
    strip = [[trial["scores"] for trial in trials] for _, trials in chosen]
    assert strip == [[trial["scores"] for trial in trials] for _, trials in expected]
    assert [index for index, _ in chosen] == [index for index, _ in expected]


@pytest.mark.slow
def test_if_every_trial_diverges_the_defaults_are_used(tmp_path: Path):
    space = "tuning.space={optimizer.lr: 'interval(1e30,1e31)'}"
    code, text = sweep(tmp_path / "sweep", *TUNED[1:], "loss=cross_entropy", space)
    assert code == 0, text
    assert "no trial of 3 has a result; its defaults are used" in text
    assert {result["params"]["optimizer.lr"] for result in results(tmp_path / "sweep").values()} == {0.01}


def test_an_optimiser_without_a_space_is_tuned_around_its_default(tmp_path: Path):
    (tmp_path / "conf" / "optimizer").mkdir(parents=True)
    (tmp_path / "conf" / "optimizer" / "mine.yaml").write_text(
        "_target_: torch.optim.Adafactor\n_partial_: true\nlr: 0.01\nweight_decay: 0.0\n"
    )
    command = ("-m", f"--config-dir={tmp_path / 'conf'}", *SMALL, "optimizer=mine", "seed=0,1", "sweep.tune=lr")
    typed = ("tuning.num_trials=3", "sweep.dry_run=true", f"hydra.sweep.dir={tmp_path / 'sweep'}")
    code, text = processes.start(tmp_path / "output", *command, *typed).wait()
    assert code == 0, text
    rates = [line.partition("optimizer.lr=")[2].partition(",")[0] for line in text.splitlines()[3:]]
    assert rates == ["0.0003162", "0.01", "0.316"]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("foreach: choice(a,b)", "optimizer.foreach: choice(a,b) is not allowed; a file there holds numbers only"),
        ("lr: [0.1", "error: optimizer_space/mine.yaml cannot be read ("),
        ("- lr", "error: conf/optimizer_space/mine.yaml has no names with values, such as lr: 0.1; mend it"),
    ],
)
def test_a_space_in_a_file_is_readable_and_holds_numbers_only(tmp_path: Path, content: str, words: str):
    optimizer = "_target_: torch.optim.Adam\n_partial_: true\nlr: 0.01\nweight_decay: 0.0"
    for folder, text in (("optimizer", optimizer), ("optimizer_space", content)):
        (tmp_path / "conf" / folder).mkdir(parents=True)
        (tmp_path / "conf" / folder / "mine.yaml").write_text(f"{text}\n")
    command = ("-m", f"--config-dir={tmp_path / 'conf'}", *SMALL, "optimizer=mine", "seed=0,1", "sweep.tune=random")
    code, text = processes.start(tmp_path / "output", *command, f"hydra.sweep.dir={tmp_path / 'sweep'}").wait()
    *_, line = text.splitlines()
    assert (code, line.partition(": ")[0]) == (2, "error")
    assert words in line
    assert not (tmp_path / "sweep").exists()


REFUSED = [
    (("sweep.tune=yes",), "sweep.tune=yes is not allowed; it must be false or lr or random"),
    (("sweep.tune=true",), "sweep.tune=true is not allowed; it must be false or lr or random"),
    (("tuning.num_trials=0",), "tuning.num_trials=0 is not allowed; it must be an integer >= 1"),
    (("tuning.seeds=[1]",), "tuning.seeds=[1] is not allowed; it must be a list of different seeds from 1000 on"),
    (("tuning.seeds=[]",), "tuning.seeds=[] is not allowed"),
    (("tuning.trials=3",), "tuning.trials"),
    (("tuning.record=3",), "tuning.record=3 is not allowed; it must be null or the path of a sweep's tuning.json"),
    (("tuning.record=README.md",), "tuning.record=README.md is not the record of a tuning; give the tuning.json of a"),
    (("tuning.record=nowhere/tuning.json",), "tuning.record=nowhere/tuning.json is not the record of a tuning"),
    (("seed=0,1000",), "seed=1000 is not allowed with sweep.tune: seeds from 1000 are for tuning"),
    (("seed=1001",), "seed=1001 is not allowed with sweep.tune"),
    (("++seed=0,1002",), "seed=1002 is not allowed with sweep.tune"),
    (("tuning.num_trials=1,2",), "a sweep's own settings cannot be swept"),
    (("optimizer.lr=0.1",), "optimizer.lr is given, and would be tuned; leave it out, or add sweep.tune=false"),
    (("optimizer.lr=0.1,0.2",), "optimizer.lr is given, and would be tuned"),
    (("watch=test",), "sweep.tune=lr compares trials by val/acc, which needs validation"),
    (("data.num_val=0",), "sweep.tune=lr compares trials by val/acc, which needs validation"),
    (("hydra/launcher=basic",), "sweep.tune=lr needs hydra/launcher=local, slurm or ray"),
    (("hydra/sweeper=optuna",), "sweep.tune=lr is for hydra/sweeper=grid"),
    (("hydra/sweeper=basic",), "sweep.tune=lr is for hydra/sweeper=grid"),
    (("tuning.space={optimizer.momentum: 'choice(0.1,0.5)'}",), "sweep.tune=lr: the space has no optimizer.lr"),
    (("tuning.space={optimizer.lr: 'interval(2,1)'}",), "an interval needs a lower and a higher end"),
    (("tuning.space={optimizer.lr: 'interval(-1,1)'}",), "optimizer.lr=-1 is not allowed; it must be a number > 0"),
]


@pytest.mark.slow
@pytest.mark.parametrize(("arguments", "words"), REFUSED, ids=str)
def test_what_is_refused_is_one_line_and_leaves_nothing(tmp_path: Path, arguments: tuple[str, ...], words: str):
    folder = tmp_path / "sweep"
    command = ("-m", *SMALL, "loss=mse,cross_entropy", "sweep.tune=lr", f"hydra.sweep.dir={folder}", *arguments)
    code, text = processes.start(tmp_path / "output", *command).wait()
    *_, line = text.splitlines()
    assert code == 2, text
    assert line.startswith("error: ")
    assert words in line
    assert not folder.exists()

"""A sweep's report, by real sweeps and by the script."""

import json
import re
import runpy
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from omegaconf import OmegaConf

from cnnlab.errors import UserError
from cnnlab.experiment.schema import check_values
from cnnlab.report.conclude import conclude
from tests.conftest import REPOSITORY
from tests.report.results import result, write
from tests.sweep.sweeps import sweep

JOBS = ("optimizer=adam,sgd", "seed=0,1,2", "trainer.max_epochs=1", "trainer.limit_train_batches=5")
POINTS = "is not allowed; it must be a number of points above 0 and below 100, such as 0.1"
FRACTIONS = "is not allowed; it must be different numbers above 0 and up to 1, such as 0.97,0.99"
HOW = "optimizer.lr=0.01,1e30"


def report(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "scripts/report.py", *map(str, arguments)]
    return subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, timeout=600)


@pytest.mark.slow
def test_a_sweep_ends_with_what_it_found_and_the_script_says_the_same(tmp_path: Path):
    folder = tmp_path / "sweep"
    code, text = sweep(folder, *JOBS, "report.margin=50")
    assert code == 0, text
    found = f"report: {folder}/report\n  tensorboard --logdir {folder}/report/tensorboard"
    assert text.rstrip().endswith(found)
    assert text.count("tensorboard --logdir") == 1
    assert "equivalent within 50.00 points" in text
    assert sorted(path.name for path in (folder / "report" / "tensorboard").iterdir()) == ["adam", "sgd"]
    content = json.loads((folder / "report" / "report.json").read_text())
    assert sorted(each["name"] for each in content["configurations"]) == ["adam", "sgd"]
    assert content["comparisons"][0]["n"] == 3
    again = report(folder, "--margin", "50")
    assert again.returncode == 0, again.stderr
    assert text.endswith(again.stdout)
    assert again.stdout.startswith("optimizer ")


@pytest.mark.slow
def test_a_sweep_with_divergences_reports_them_and_one_without_a_report_writes_none(tmp_path: Path):
    code, text = sweep(tmp_path / "1", "optimizer=sgd", HOW, "seed=0,1", *JOBS[2:])
    assert code == 0, text
    assert "0 of 2" in text
    code, text = sweep(tmp_path / "2", *JOBS[:1], *JOBS[2:], "sweep.report=false")
    assert code == 0, text
    assert not (tmp_path / "2" / "report").exists()


@pytest.fixture
def script(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Callable[..., tuple[int, str, str]]:
    """Runs the script in this process: its exit code, and what it printed."""

    def run(*arguments: str | Path) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["report.py", *map(str, arguments)])
        try:
            runpy.run_path(str(REPOSITORY / "scripts" / "report.py"), run_name="__main__")
            code = 0
        except SystemExit as error:
            code = int(error.code or 0)
        return code, *capsys.readouterr()

    return run


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (("--margin", "0"), f"--margin 0 {POINTS}"),
        (("--margin", "abc"), f"--margin abc {POINTS}"),
        (("--margin", ""), f"--margin '' {POINTS}"),
        (("--margin", "nan"), f"--margin nan {POINTS}"),
        (("--margin", "100"), f"--margin 100 {POINTS}"),
        (("--baseline", "nadam"), "--baseline nadam is not in the sweep; it must be one of adam, sgd"),
        (("--baseline", ""), "--baseline '' is not in the sweep; it must be one of adam, sgd"),
        (("--baseline", "a\n\x1b[1mb"), "--baseline 'a \ufffd[1mb' is not in the sweep; it must be one of adam, sgd"),
        (("--language", "fr"), "--language fr is not allowed; it must be en or ko"),
        (("--targets", "97"), f"--targets 97 {FRACTIONS} (fractions: 0.97, not 97)"),
        (("--targets", "97,98.5"), f"--targets 97,98.5 {FRACTIONS} (fractions: 0.97, not 97)"),
        (("--targets", "0.9,x"), f"--targets 0.9,x {FRACTIONS}"),
        (("--targets", "0.97,0.97"), f"--targets 0.97,0.97 {FRACTIONS}"),
        (("--targets", ""), f"--targets '' {FRACTIONS}"),
        (("--margins",), "unrecognized arguments: --margins"),
        (("more",), "unrecognized arguments: more"),
    ],
)
def test_a_mistake_is_one_line_and_writes_nothing(
    tmp_path: Path, script: Callable[..., tuple[int, str, str]], arguments: tuple[str, ...], line: str
):
    for optimizer in ("adam", "sgd"):
        write(tmp_path / f"optimizer={optimizer}", result(optimizer, 0, 0.9))
    assert script(tmp_path, *arguments) == (2, "", f"error: {line}\n")
    assert not (tmp_path / "report").exists()


def test_a_place_that_is_no_sweeps_is_one_line_too(tmp_path: Path, script: Callable[..., tuple[int, str, str]]):
    run = write(tmp_path / "seed=0", result("adam", 0, 0.9))
    example = "give a sweep's folder, such as outputs/sweeps/optimizers"
    for folder, line in (
        (run / "result.json", f"{run / 'result.json'} is a file; {example}"),
        (tmp_path / "no", f"{tmp_path / 'no'} does not exist; {example}"),
        (run, f"{run} is one run; give the sweep's folder, its parent: {tmp_path}"),
        ("", f"'' is no folder; {example}"),
    ):
        assert script(folder) == (2, "", f"error: {line}\n")
    line = "--baseline sgd: the sweep has one configuration, and none to compare it with; leave it out"
    assert script(tmp_path, "--baseline", "sgd") == (2, "", f"error: {line}\n")
    (tmp_path / "report").write_text("in its place")
    code, _, error = script(tmp_path)
    assert (code, error.count("\n")) == (2, 1)
    assert error.startswith(f"error: cannot write {tmp_path / 'report'}")


def test_the_help_says_in_which_units(script: Callable[..., tuple[int, str, str]]):
    code, text, _ = script("--help")
    text = " ".join(text.split())
    assert code == 0
    assert "--margin POINTS a difference of test accuracy that does not matter, in points, such as 0.1" in text
    assert "--targets FRACTIONS validation accuracies whose times are shown, as fractions, such as 0.97,0.99" in text


def test_a_sweep_whose_baseline_is_not_there_says_what_was_typed_and_how_to_get_its_report(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    for optimizer in ("adam", "sgd"):
        write(tmp_path / f"optimizer={optimizer}", result(optimizer, 0, 0.9))
    chosen = {"margin": None, "baseline": "nadam", "language": "en", "targets": [0.97], "mix_versions": False}
    conclude(OmegaConf.create({"hydra": {"sweep": {"dir": str(tmp_path)}}, "report": chosen}))
    printed, error = capsys.readouterr()
    assert printed == ""
    assert error == (
        "no report: report.baseline=nadam is not in the sweep; it must be one of adam, sgd; "
        f"then: python scripts/report.py {tmp_path} --baseline …\n"
    )


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("margin", 0, "report.margin=0 is not allowed; it must be null or a number of points above 0 and below 100"),
        ("margin", "abc", "report.margin=abc is not allowed; it must be null or a number of points above 0 and below"),
        ("baseline", "", "report.baseline= is not allowed; it must be null or the name of a configuration, such as "),
        ("targets", [97], "such as [0.97,0.99] (fractions: 0.97, not 97)"),
        ("targets", [0.97, 0.97], "it must be a list of different numbers above 0 and up to 1, such as [0.97,0.99]"),
        ("targets", 0.97, "such as [0.97,0.99]: write report.targets=[0.97]"),
        ("targets", 97, "such as [0.97,0.99] (fractions: 0.97, not 97)"),
        ("language", "fr", "report.language=fr is not allowed; it must be en or ko"),
    ],
)
def test_a_sweeps_command_refuses_the_same_before_it_starts(key: str, value: object, words: str):
    with pytest.raises(UserError) as caught:
        check_values(OmegaConf.create({"report": {key: value}}))
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ({"target": 97}, "it must be a number from 0 to 1 (fractions: 0.97, not 97)"),
        ({"target": 970}, "it must be a number from 0 to 1"),
        ({"target": [97]}, "(fractions: 0.97, not 97)"),
        ({"target": []}, "it must be a number from 0 to 1"),
        ({"model": {"channels": 16}}, ": write model.channels=[16]"),
        ({"tuning": {"seeds": 1000}}, ": write tuning.seeds=[1000]"),
        ({"data": {"classes": ""}}, "(an unset shell variable?)"),
    ],
)
def test_other_lists_and_accuracies_get_the_same_advice(typed: dict[str, object], words: str):
    with pytest.raises(UserError) as caught:
        check_values(OmegaConf.create(typed))
    assert str(caught.value).endswith(words)


def test_the_terminal_names_the_test_images_and_what_was_left_out(
    tmp_path: Path, script: Callable[..., tuple[int, str, str]]
):
    data = {"name": "mnist_5k", "train": 4000, "val": 500, "test": 1000}
    for seed in range(2):
        write(tmp_path / f"seed={seed}", result("adam", seed, 0.9 + seed / 100, data=data))
    assert "left out" not in script(tmp_path)[1]
    for number in range(6):
        (tmp_path / f"copy {number}").mkdir()
    write(tmp_path / "damaged", "")
    code, text, _ = script(tmp_path)
    assert code == 0
    assert "in the order of validation accuracy; mnist_5k, 1,000 test images\n" in text
    named = ", ".join(f"copy {number}" for number in range(5))
    assert f"! 7 folders left out: {named} and 2 more; report.json says why\n" in text
    text = script(tmp_path, "--language", "ko")[1]
    assert re.search(r"\d~\d", text)
    assert " to " not in text
    assert "검증 정확도 순; mnist_5k, 테스트 이미지 1,000장\n" in text
    assert f"! 제외한 폴더 7개: {named} 외 2개; 이유는 report.json에 있음\n" in text

"""`--cfg` prints what would be run."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from hydra.core.global_hydra import GlobalHydra
from hydra.types import RunMode

from cnnlab.cli.preflight import Preflight
from cnnlab.cli.show import take_request
from cnnlab.errors import HydraBypass, UserError
from cnnlab.run.flags import CommandLine
from tests.experiment.configs import composed, hydra_loader
from tests.processes import start


def shown(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[str, Any]:
    """The first line and the content that a command prints, by Hydra's callback."""
    line = take_request(CommandLine.parse(arguments))
    with hydra_loader() as loader:
        if "multirun" in line.flags:
            config = loader.load_configuration("train", [*line.overrides, "hydra.mode=MULTIRUN"], RunMode.MULTIRUN)
        else:
            config = composed(*line.overrides, "hydra.mode=RUN")
        with pytest.raises(SystemExit) as end:
            callback = Preflight()
            (callback.on_multirun_start if "multirun" in line.flags else callback.on_run_start)(config)
        assert end.value.code in (None, 0)
    take_request(CommandLine({}, []))
    text = capsys.readouterr().out
    return text.splitlines()[0], yaml.safe_load(text)


def test_it_shows_the_settled_config(capsys: pytest.CaptureFixture[str]):
    head, content = shown(capsys, "experiment=accurate", "optimizer=adadelta", "--cfg", "job")
    assert head == "seed: 0"
    assert (content["optimizer"]["lr"], "hydra" in content) == (1.0, False)


@pytest.mark.parametrize(
    ("typed", "head", "expected"),
    [
        ("seed=3 -c job -p seed", "3", 3),
        ("-p model.activation --cfg=job", "# @package model.activation", None),
        ("--cfg job -p _global_ seed=3", "seed: 3", None),
        ("--cfg hydra -p hydra.mode", "RUN", "RUN"),
        ("-m --cfg all -p hydra.mode seed=0,1", "# The first job: seed=0", "MULTIRUN"),
        ("-m seed=7,8 pool=avg,max --cfg job -p seed", "# The first job: seed=7 pool=avg", 7),
        ("-m sweep=optimizers -cjob -p seed", "# The first job: optimizer=adadelta seed=0", 0),
        ("-m pool=glob(*) -cjob -p seed", "# The first job: pool=avg", 0),
        ("-m target=interval(0.5,1) -cjob -p target", "# The first job: target=0.5", 0.5),
        ("-m experiment=accurate optimizer=sgd,muon -cjob -p optimizer.lr", "# The first job: optimizer=sgd", 0.05),
    ],
)
def test_a_part_of_a_run_or_of_a_sweeps_first_job(
    capsys: pytest.CaptureFixture[str], typed: str, head: str, expected: Any
):
    first, content = shown(capsys, *typed.split())
    assert first == head
    assert expected is None or content == expected


def test_interpolations_are_resolved_on_request(capsys: pytest.CaptureFixture[str]):
    typed = ("data.root=${hydra:runtime.cwd}/x", "--cfg", "job", "-p", "data.files.folder")
    assert shown(capsys, *typed)[1] == f"{Path.cwd()}/x/MNIST/raw"
    typed = ("data.root=${hydra:runtime.cwd}/x", "--cfg", "job", "-p", "data.files")
    assert shown(capsys, *typed)[1]["folder"] == "${data.root}/MNIST/raw"
    assert shown(capsys, *typed, "--resolve")[1]["folder"] == f"{Path.cwd()}/x/MNIST/raw"


def test_a_part_that_does_not_exist_is_one_line():
    take_request(CommandLine({"cfg": "job", "package": "nothing"}, []))
    with hydra_loader(), pytest.raises(HydraBypass) as error:
        Preflight().on_run_start(composed())
    take_request(CommandLine({}, []))
    assert str(error.value.error) == "--package nothing is not in this config; --cfg job lists its keys"


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ("--cfg job --info", "--cfg and --info cannot be used together"),
        ("-m -sc query=bash", "--multirun and --shell-completion cannot be used together"),
        ("--run -m seed=0,1", "--run and --multirun cannot be used together"),
        ("--resolve", "--resolve is for --cfg"),
        ("-p data", "--package is for --cfg"),
    ],
)
def test_flags_that_contradict_each_other_are_one_line(typed: str, words: str):
    with pytest.raises(UserError, match=words):
        take_request(CommandLine.parse(typed.split()))


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("seed=3 --help", "seed=3 --help"),
        ("seed=3 --hydra-help", "--hydra-help"),
        ("-m seed=0,1 pool=avg --help", "--help pool=avg"),
        ("-m seed=0,1 pool=avg --info defaults", "--info defaults pool=avg"),
        ("-m seed=0,1", "-m seed=0,1"),
        ("--version", "--version"),
        ("-sc query=bash", "-sc query=bash"),
    ],
)
def test_hydras_other_flags_stay_hydras(typed: str, kept: str):
    assert take_request(CommandLine.parse(typed.split())) == CommandLine.parse(kept.split())
    assert not GlobalHydra.instance().is_initialized()


def test_a_sweep_is_shown_and_leaves_nothing(tmp_path: Path):
    typed = ("-m", "--cfg", "job", "optimizer=adam,sgd", f"hydra.sweep.dir={tmp_path / 'sweep'}")
    code, text = start(tmp_path / "log", *typed).wait()
    assert code == 0, text
    assert text.startswith("# The first job: optimizer=adam\nseed: 0\n")
    assert not (tmp_path / "sweep").exists()

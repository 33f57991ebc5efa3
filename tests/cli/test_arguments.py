"""The command line before Hydra reads it: its form, and its paths."""

import shlex
from pathlib import Path

import pytest
from omegaconf import DictConfig

from cnnlab.cli.arguments import prepare
from cnnlab.errors import UserError
from cnnlab.run.flags import CommandLine
from tests.cli.conftest import Typed


@pytest.mark.parametrize(
    ("command", "line"),
    [
        ("optimizer=adam -m seed=0,1", "put -m first: python train.py -m optimizer=adam seed=0,1"),
        ("lr=1 --multirun seed=0,1", "put --multirun first: python train.py --multirun lr=1 seed=0,1"),
        ("optimizer=adam --cfg job seed=1", "put --cfg first: python train.py --cfg job optimizer=adam seed=1"),
        ("seed=1 --config-dir x lr=1", "put --config-dir first: python train.py --config-dir x seed=1 lr=1"),
        ("seed=1 -r lr=1", "put -r first: python train.py -r seed=1 lr=1"),
        ("--pool avg", "--pool is not a flag; a value is set without hyphens, as key=value: write pool=avg"),
        ("--optimizer adam", "--optimizer is not a flag; a value is set without hyphens, as key=value: write opti"),
        ("--pool=avg", "--pool=avg is not a flag; a value is set without hyphens, as key=value: write pool=avg"),
        ("--optimizer=adam -m seed=0,1", "--optimizer=adam is not a flag; "),
        ("-lr 0.1", "-lr is not a flag; a value is set without hyphens, as key=value: did you mean optimizer.lr=0.1?"),
        ("--seed 3", "--seed is not a flag; a value is set without hyphens, as key=value: write seed=3"),
        ("--multrun seed=0,1", "--multrun is not a flag; did you mean --multirun?"),
        ("--cfg jobs", "argument --cfg/-c: invalid choice: 'jobs' (choose from "),
        ("help", "help is not an override: did you mean --help?"),
        ("-M seed=0,1", "-M is not a flag; did you mean -m?"),
        ("optimizer＝adam", "optimizer＝adam has full-width letters; write optimizer=adam"),
        ("--nothing", "--nothing is not a flag; "),
        ("--help --nothing", "--nothing is not a flag; "),
        ("–m seed=0,1", "–m begins with a dash; type a hyphen: -m"),
        ("—multirun seed=0,1", "—multirun begins with a dash; type a hyphen: --multirun"),
        ("—lr 0.1", "—lr is not a flag; a value is set without hyphens, as key=value: did you mean optimizer.lr=0.1?"),
        ("-c", "--cfg needs one of job, hydra, all; see python train.py --hydra-help"),
        ("-mseed=0,1", "--multirun takes no value; write --multirun, or -m seed=0,1: -m and a space"),
        ("--optimizer", "--optimizer is not a flag; a value is set without hyphens, as key=value: write optimizer=…, "),
        ("--lr", "--lr is not a flag; a value is set without hyphens, as key=value: did you mean optimizer.lr=…?"),
        ("--experiment lecture", "--experiment is not a flag; a value is set without hyphens, as key=value: write exp"),
        ("--experiment", "--experiment is not a flag; a value is set without hyphens, as key=value: write experimen"),
        ("--exp lecture", "--exp is not a flag; a value is set without hyphens, as key=value: did you mean experiment"),
        ("--multi seed=0,1", "--multi is not a flag; did you mean --multirun?"),
        ("--conf x", "--conf is not a flag; did you mean --config-path or --config-name or --config-dir?"),
        ("--inf", "--inf is not a flag; did you mean --info?"),
        ("--res", "--res is not a flag; did you mean --resolve?"),
        ("optimizer adam", "optimizer adam is not an override: write optimizer=adam"),
        ("seed 3", "seed 3 is not an override: write seed=3"),
        ("optimizer = adam", "optimizer = adam: write it without spaces: optimizer=adam"),
        ("optimizer= adam", "optimizer= adam: write it without spaces: optimizer=adam"),
        ("optimizer =adam", "optimizer =adam: write it without spaces: optimizer=adam"),
        ("optimizer.lr = 0.1", "optimizer.lr = 0.1: write it without spaces: optimizer.lr=0.1"),
        ("optimizer:adam", "optimizer:adam is not an override: write optimizer=adam"),
        ("optimizer.lr:0.1", "optimizer.lr:0.1 is not an override: write optimizer.lr=0.1"),
        ("adam", "adam is not an override: did you mean optimizer=adam?"),
        ("optimizer", "optimizer is not an override: write optimizer=…, one of adadelta, "),
        ("seed", "seed is not an override: write seed=…"),
        ("nothing", "nothing is not an override, which is key=value, such as "),
        ("=3", "=3 is not an override, which is key=value, such as "),
        ("seed==3", "seed==3 has several equals signs; write seed=3"),
        ("optimizer=", "optimizer= names no option; choose from adadelta, adagrad, "),
        ("optimizer=adam,", "optimizer=adam, ends with a comma; write optimizer=adam"),
        ("-m seed=0,1,", "seed=0,1, ends with a comma; write seed=0,1"),
        ("+optimizer=adam", "+optimizer=adam: optimizer has an option already; write optimizer=adam, without +"),
        ("optimizer=adam.yaml", "optimizer=adam.yaml is not an option; write its name alone: optimizer=adam"),
        ("optimizer=conf/optimizer/adam.yaml", "optimizer=conf/optimizer/adam.yaml is not an option; write its name "),
        ("optimizer=./adam", "optimizer=./adam is not an option; write its name alone: optimizer=adam"),
        ("optimizer=“adam”", "optimizer=“adam” has typographic quotes (“); write optimizer=adam"),
        ("“optimizer=adam”", "“optimizer=adam” has typographic quotes (“); write optimizer=adam"),
        ("' seed=3'", "' seed=3' has a stray space; write seed=3"),
        ("'optimizer = adam'", "'optimizer = adam' has a stray space; write optimizer=adam"),
        ("'seed=1 optimizer=adam'", "'seed=1 optimizer=adam' is one argument; write it without these quotes: seed=1 o"),
        ("-m seed=0, 1", "seed=0, 1: write it without spaces: seed=0,1"),
        ("-m seed=0 ,1", "seed=0 ,1: write it without spaces: seed=0,1"),
        ("-m seed=0 1", "seed=0 1: separate the values of a sweep by commas, without spaces: -m seed=0,1"),
        ("-m 'seed=(0,1)'", "seed=(0,1): write the values of a sweep without brackets: -m seed=0,1"),
        ("-m 'seed={0, 1}'", "seed={0, 1}: write the values of a sweep without brackets: -m seed=0,1"),
        ("학습률=0.1", "학습률 is not a key: a key has plain letters, and dots between names; --cfg job "),
        ("optimizer..lr=1", "optimizer..lr is not a key: a key has plain letters, and dots between names; write opt"),
        ("optimizer[lr]=1", "optimizer[lr] is not a key: a key has plain letters, and dots between names; write opti"),
        ("optimizer.lr:=1", "optimizer.lr: is not a key: a key has plain letters, and dots between names; write opti"),
        ("optimizer/adam", "optimizer/adam is not an override: did you mean optimizer=adam?"),
        ("conf/model/mlp.yaml", "conf/model/mlp.yaml is not an override: did you mean model=mlp?"),
        ("lr 0.1", "lr is not an override, which is key=value: did you mean optimizer.lr=0.1?"),
        ("~seed", "~seed removes a value that every run needs; set it instead: seed=…"),
        ("~optimizer.lr", "~optimizer.lr removes a value that every run needs; set it instead: optimizer.lr=…"),
        ("'seed=a(b'", "seed=a(b cannot be read; quote the value, and all of it for the shell: "),
        ("resume=", "resume= names no run folder; it is resume=outputs/runs/<time>-<name>"),
    ],
)  # fmt: skip
def test_a_mistake_in_the_form_is_one_line_that_says_what_to_type(
    typed: Typed, tmp_path: Path, command: str, line: str
):
    code, text = typed(*shlex.split(command))
    assert code == 2
    assert text.startswith(f"error: {line}")
    assert text.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["--cfg", "job", "seed=1"], ["seed=1", "--cfg", "job"], ["-sc", "query=bash"], ["--help", "model=mlp"],
        ["--info"],
        ["-m", "optimizer=adam,sgd", "seed=range(0,3)", "optimizer.lr=choice(0.1,0.2)"], ["~optimizer.fused"],
        ["-m", "data.root=a,b"], ["sweep=grid", "data.root=a,b"],
        ["data.root=${oc.env:HOME}/x", "resume=null"],
        ["model.channels=[1,2]", "+callbacks.x={_target_: a.B, c: 1}", "seed='3'", "hydra.run.dir=outputs/${seed}"],
        ["data.root='/a b'", "data.root=\"/a b\"", "hydra.sweep.dir=/tmp/x", "optimizer.lr=", "resume=outputs/x"],
    ],
)  # fmt: skip
def test_what_hydra_reads_rightly_stays_as_it_is(arguments: list[str]):
    assert prepare(arguments) == CommandLine.parse(arguments)


OPTIMIZERS = "adadelta, adagrad, adagrad_lecture, adam, "


@pytest.mark.parametrize(
    ("command", "line"),
    [
        ("optimizer=null", f"optimizer=null: null is not an option; choose from {OPTIMIZERS}"),
        ("optimizer=1", f"optimizer=1: 1 is not an option; choose from {OPTIMIZERS}"),
        ("optimizer=[]", f"optimizer=[] names no option; choose from {OPTIMIZERS}"),
        ("~optimizer", f"~optimizer removes optimizer, which every run needs; choose one of its options: {OPTIMIZERS}"),
        ("~optimizer=adam", "~optimizer=adam removes optimizer, which every run needs; choose one of its options: "),
        ("~data", "~data removes data, which every run needs; choose one of its options: fashion_mnist, "),
        ("logger=null", "logger=null: null is not an option; choose from mlflow, none, tensorboard, wandb; for none: "),
        ("~logger", "~logger removes logger, which every run needs; for none: logger=none"),
        ("~augmentation", "~augmentation removes augmentation, which every run needs; for none: augmentation=none"),
        ("callbacks=[]", "callbacks=[] names no option; for none: callbacks=light"),
        ("callbacks=null", "callbacks=null: null is not an option; choose from default, full, light, snapshots; for n"),
        ("callbacks=none", "callbacks=none is not an option; choose from default, full, light, snapshots; for none: c"),
        ("callbacks=[none]", "callbacks=[none]: none is not an option; choose from default, full, light, snapshots; "),
        ("logger=[tensorboard,x]", "logger=x is not an option; choose from mlflow, none, tensorboard, wandb"),
        ("experiment=null", "experiment=null: null is not an option; choose from accurate, best, lecture, quick, spee"),
        ("experiment=none", "experiment=none is not an option; choose from accurate, best, lecture, quick, speedrun; "),
        ("~experiment=lecture", "~experiment=lecture removes nothing, since experiment=lecture is not chosen; leave i"),
        ("scheduler=none", "scheduler=none is not an option; choose from constant, cosine, onecycle, step, warmup_cos"),
        ("hydra/launcher=null", "hydra/launcher=null: null is not an option; choose from basic, local, ray, slurm"),
        ("hydra/launcher=[local,ray]", "hydra/launcher=[local,ray] chooses several options, but a run has one; choos"),
        ("~hydra/sweeper", "~hydra/sweeper removes hydra/sweeper, which every run needs; choose one of its options: "),
        ("model=[lecture,cnn]", "model=[lecture,cnn] chooses several options, but a run has one; for a sweep: -m mode"),
        ("-m optimizer=[adam,sgd]", "optimizer=[adam,sgd] chooses several options, but a run has one; for a sweep: -m"),
        ("-m model=lecture,null", "model=lecture,null: null is not an option; choose from cnn, compact, lecture, mlp"),
        ("'optimizer=adam sgd'", "optimizer=adam sgd names several options; for a sweep: -m optimizer=adam,sgd"),
        ("'optimizer=adam|sgd'", "optimizer=adam|sgd names several options; for a sweep: -m optimizer=adam,sgd"),
        ("-m optimizer=all", f"optimizer=all is not an option; choose from {OPTIMIZERS}"),
    ],
)  # fmt: skip
def test_what_chooses_no_option_or_too_many_is_one_line_that_says_what_to_type(
    typed: Typed, tmp_path: Path, command: str, line: str
):
    code, text = typed(*shlex.split(command))
    assert code == 2
    assert text.startswith(f"error: {line}")
    assert text.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("group", ["logger", "callbacks", "augmentation", "averaging", "scheduler", "activation"])
def test_the_advice_for_none_of_a_group_works(typed: Typed, group: str):
    _, text = typed(f"{group}=null")
    advice = text.partition("for none: ")[2].strip()
    assert typed(advice, "hydra.run.dir=x")[0] == 0, text


@pytest.mark.parametrize("choice", ["logger=[]", "experiment=[]", "optimizer=[adam]", "callbacks=[light,default]"])
def test_lists_that_a_run_can_have_are_options(typed: Typed, choice: str):
    code, text = typed(choice, "hydra.run.dir=x")
    assert code == 0, text


def test_nothing_need_be_typed(typed: Typed, composed: list[DictConfig]):
    code, text = typed()
    assert code == 0, text
    assert len(composed) == 1


FOLDERS = (
    "내실험/run",
    "자료 폴더",
    "a=b",
    "$HOME (1)",
    "[x]",
    "a,b",
    "{a}",
    "it's",
    'a"b',
    "a\\b ",
    "1",
    "true",
    "λ;&#",
)


@pytest.mark.parametrize("folder", FOLDERS)
def test_any_folder_is_read_without_quotes(typed: Typed, tmp_path: Path, composed: list[DictConfig], folder: str):
    code, text = typed(f"hydra.run.dir={folder}", f"data.root={folder}x")
    assert code == 0, text
    (config,) = composed
    assert config.output_dir == str(tmp_path / folder)
    assert config.data.root == f"{folder}x"


def test_a_users_own_options_may_be_in_folders_and_groups(typed: Typed, tmp_path: Path, composed: list[DictConfig]):
    for name, text in {"experiment/mine/quick": "# @package _global_\nseed: 5\n", "note/x": "text: y\n"}.items():
        (tmp_path / "own" / name).parent.mkdir(parents=True)
        (tmp_path / "own" / f"{name}.yaml").write_text(text)
    line = prepare(["--config-dir", "own", "experiment=mine/quick", "+note=x"])
    assert line.overrides == ["experiment=mine/quick", "+note=x"]
    code, text = typed("--config-dir", "own", "experiment=mine/quick", "hydra.run.dir=x")
    assert code == 0, text
    assert composed[0].seed == 5


def test_a_tilde_is_the_home_folder_in_every_path(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("HOME", "/home/민수")
    monkeypatch.setenv("USERPROFILE", "/home/민수")
    typed = ["--config-dir=~/c", "hydra.run.dir=~/x", "data.root='~/x y'", "resume=~", "hydra.sweep.dir=~/s"]
    typed += ["hydra.sweeper.storage=sqlite:///~/x.db", "hydra.launcher.submitit_folder=~/f"]
    assert prepare(typed).arguments() == [
        "--config-dir=/home/민수/c", "hydra.run.dir='/home/민수/x'", "data.root='/home/민수/x y'",
        "resume='/home/민수'", "hydra.sweep.dir='/home/민수/s'", "hydra.sweeper.storage='sqlite:////home/민수/x.db'",
        "hydra.launcher.submitit_folder='/home/민수/f'",
    ]  # fmt: skip
    assert prepare(["-m", "data.root=~/a,/b"]).overrides == ["data.root='/home/민수/a',/b"]
    assert prepare(["-cd", "~/c", "--config-path", "~/p"]).flags == {
        "config_dir": "/home/민수/c",
        "config_path": "/home/민수/p",
    }


def test_a_relative_config_path_is_taken_from_here(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.chdir(tmp_path)
    assert prepare(["a=1", "-cp=mine"]).flags == {"config_path": str(tmp_path / "mine")}
    assert prepare(["--help", "-cp", "pkg://mine"]).flags["config_path"] == "pkg://mine"
    assert prepare(["-cd", "mine", "-cp="]).flags == {"config_dir": "mine", "config_path": ""}


def test_a_text_with_letters_that_the_grammar_lacks_is_quoted():
    assert prepare(["sweep.name=λ", "+logger.name=내 실험"]).overrides == ["sweep.name='λ'", "+logger.name='내 실험'"]
    assert prepare(["optimizer.lr=${oc.decode:${oc.env:LR}}"]).overrides == ["optimizer.lr='${oc.decode:${oc.env:LR}}'"]


def test_so_is_each_value_of_a_sweep_and_the_others_stay_as_they_are():
    assert prepare(["-m", "optimizer=sgd,λ,x:y", "sweep.name=λ"]).overrides == [
        "optimizer=sgd,'λ',x:y",
        "sweep.name='λ'",
    ]
    with pytest.raises(UserError, match="cannot be read; quote the value"):
        prepare(["optimizer=sgd,λ"])


def test_a_flag_without_its_value_is_one_line():
    with pytest.raises(UserError, match=r"^--config-dir needs a value; see "):
        prepare(["--config-dir"])


def test_a_current_folder_that_was_removed_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    with pytest.raises(
        UserError, match=r"^the current folder does not exist any more; change to one that does \(cd\)$"
    ):
        prepare(["seed=1"])

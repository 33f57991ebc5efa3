import pytest

from cnnlab.errors import UserError
from cnnlab.run.flags import CHOICES, FLAGS, CommandLine


@pytest.mark.parametrize(
    ("typed", "flags", "overrides"),
    [
        ("-cd more -cn=mine a=1", {"config_dir": "more", "config_name": "mine"}, ["a=1"]),
        ("a=1 -m b=1,2", {"multirun": True}, ["a=1", "b=1,2"]),
        ("a=1 --info defaults ~b", {"info": "defaults"}, ["a=1", "~b"]),
        ("-c job -p data --resolve", {"cfg": "job", "package": "data", "resolve": True}, []),
        ("--config-dir=-x --config-name= a=-1", {"config_dir": "-x", "config_name": ""}, ["a=-1"]),
    ],
)
def test_flags_are_apart_from_overrides_wherever_they_stand(typed: str, flags: dict, overrides: list[str]):
    line = CommandLine.parse(typed.split())
    assert line == CommandLine(flags, overrides)
    again = CommandLine.parse(line.arguments())
    assert again == line


def test_the_flags_are_those_that_hydra_has():
    from hydra._internal.utils import get_args_parser

    hydras = get_args_parser()._actions
    assert set(FLAGS) == {flag for action in hydras for flag in action.option_strings}
    assert {action.option_strings[0]: tuple(action.choices) for action in hydras if action.choices} == CHOICES


@pytest.mark.parametrize(
    "typed",
    ["-cd x a=1", "-cd=x -m a=1", "-cp x -cn y a=1 b=2", "-m a=1", "-c job a=1", "-i"],
)
def test_a_command_line_is_read_as_hydra_reads_it(typed: str):
    from hydra._internal.utils import get_args_parser

    theirs = vars(get_args_parser().parse_args(typed.split()))
    line = CommandLine.parse(typed.split())
    assert line.overrides == theirs.pop("overrides")
    assert line.flags == {name: value for name, value in theirs.items() if value not in (None, False)}
    assert vars(get_args_parser().parse_args(line.arguments())) == {**theirs, "overrides": line.overrides}


def test_what_hydra_would_refuse_is_told_apart():
    assert CommandLine.parse(["--optimizer", "adam", "-x"]) == CommandLine({}, ["adam"], ["--optimizer", "-x"])
    typed = ("a=1 -m b=1", "-m a=1 b=1", "a=1 b=1 -m")
    assert [CommandLine.parse(words.split()).is_in_order for words in typed] == [False, True, True]
    with pytest.raises(UserError, match=r"^--cfg needs one of job, hydra, all; see .* --hydra-help"):
        CommandLine.parse(["-c"])
    with pytest.raises(UserError, match=r"argument --cfg/-c: .*; see .* --hydra-help"):
        CommandLine.parse(["--cfg", "wrong"])


@pytest.mark.parametrize("word", ["--experiment", "--exp", "--multi", "--conf", "--config-d=x", "--inf", "--res"])
def test_a_flag_is_not_abbreviated(word: str):
    """A config group, such as experiment, would be taken for a flag."""
    assert CommandLine.parse([word, "x=1"]).unknown == [word]

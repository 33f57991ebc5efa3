import pytest

from cnnlab.run.flags import CommandLine, with_absolute_config_path


@pytest.mark.parametrize(
    ("typed", "flags", "overrides"),
    [
        ("-cd more -cn=mine a=1", {"config_dir": "more", "config_name": "mine"}, ["a=1"]),
        ("--config-d=more --config-na mine", {"config_dir": "more", "config_name": "mine"}, []),
        ("a=1 -m b=1,2", {"multirun": True}, ["a=1", "b=1,2"]),
        ("a=1 --info defaults ~b", {"info": "defaults"}, ["a=1", "~b"]),
        ("-c job -p data --resolve", {"cfg": "job", "package": "data", "resolve": True}, []),
    ],
)
def test_flags_are_apart_from_overrides_wherever_they_stand(typed: str, flags: dict, overrides: list[str]):
    line = CommandLine.parse(typed.split())
    assert line == CommandLine(flags, overrides)
    again = CommandLine.parse(line.arguments())
    assert again == line


@pytest.mark.parametrize("typed", ["--optimizer adam", "-c", "--cfg wrong", "-x"])
def test_what_hydra_would_refuse_is_left_to_it(typed: str):
    assert CommandLine.parse(typed.split()) is None
    assert with_absolute_config_path(typed.split()) == typed.split()


def test_a_relative_config_path_is_taken_from_here(monkeypatch: pytest.MonkeyPatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    assert with_absolute_config_path(["a=1", "-cp=mine"]) == ["--config-path", str(tmp_path / "mine"), "a=1"]
    assert with_absolute_config_path(["-cp", "pkg://mine"]) == ["-cp", "pkg://mine"]
    assert with_absolute_config_path(["seed=1"]) == ["seed=1"]

"""Figures into files that a user names."""

import argparse
from pathlib import Path

import pytest
from matplotlib.figure import Figure

from cnnlab.cli.figure_file import write_figure


@pytest.mark.parametrize(("name", "start"), [("a", b"\x89PNG"), ("a.png", b"\x89PNG"), ("a.svg", b"<?xml")])
def test_it_is_a_png_unless_its_name_says_otherwise(tmp_path: Path, capsys, name: str, start: bytes):
    write_figure(Figure(), tmp_path / name, argparse.ArgumentParser())
    written = tmp_path / (name if "." in name else f"{name}.png")
    assert written.read_bytes().startswith(start)
    assert capsys.readouterr().out == f"written: {written}\n"


@pytest.mark.parametrize(
    ("name", "line"), [("a.doc", "a.doc: Format 'doc' is not supported"), ("none/a.png", "a.png (No such file")]
)
def test_what_cannot_be_written_is_a_line_and_exit_code_2(tmp_path: Path, capsys, name: str, line: str):
    with pytest.raises(SystemExit) as ended:
        write_figure(Figure(), tmp_path / name, argparse.ArgumentParser())
    assert ended.value.code == 2
    assert line in capsys.readouterr().err
    assert not (tmp_path / name).exists()

"""Output that cannot be written."""

import io
import subprocess
import sys
from pathlib import Path

import pytest

from cnnlab.cli.output import safe_output
from tests.conftest import REPOSITORY

PRINT = """
import pathlib, sys
from cnnlab.cli.output import safe_output

with safe_output():
    for _ in range(3):
        print("x" * 100_000, flush=True)
    print("buffered")
pathlib.Path(sys.argv[1]).write_text("reached")
"""


def test_a_program_whose_reader_is_gone_reaches_its_end(tmp_path: Path):
    end = tmp_path / "end"
    command = ["sh", "-c", '"$0" -c "$1" "$2" | head -c 1', sys.executable, PRINT, end]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, check=True)
    assert (done.stdout, done.stderr, end.read_text()) == (b"x", b"", "reached")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a disk that is always full")
def test_a_full_disk_does_not_matter_to_what_is_printed(tmp_path: Path):
    with Path("/dev/full").open("w") as full:
        subprocess.run([sys.executable, "-c", PRINT, tmp_path / "end"], cwd=REPOSITORY, stdout=full, check=True)


def test_a_character_that_the_encoding_lacks_is_written_as_its_code(monkeypatch: pytest.MonkeyPatch):
    content = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(content, encoding="ascii"))
    with safe_output():
        print("größe")
    assert content.getvalue() == b"gr\\xf6\\xdfe\n"


def test_what_a_library_cannot_write_leaves_one_line_and_no_traceback(tmp_path: Path):
    program = """
import logging, threading
from cnnlab.cli.output import safe_output

def fail():
    raise OSError(28, "No space left on device", "events")

with safe_output():
    logging.getLogger().addHandler(logging.FileHandler("/dev/full"))
    logging.getLogger().warning("lost")
    thread = threading.Thread(target=fail)
    thread.start()
    thread.join()
"""
    done = subprocess.run([sys.executable, "-c", program], cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert done.stderr.splitlines()[0] == (
        "warning: a thread could not write (No space left on device: events), and has ended"
    )
    assert "in fail" not in done.stderr

"""The page's scripts: they parse, and their pure functions are right, by node's own test runner."""

import shutil
import subprocess
from pathlib import Path

import pytest

import cnnlab.lecture.page

SCRIPTS = sorted((Path(cnnlab.lecture.page.__file__).parent / "scripts").glob("*.js"))
PARSE = "for (const f of process.argv.slice(1)) new vm.Script(fs.readFileSync(f, 'utf8'), { filename: f })"
NODE = shutil.which("node")
pytestmark = pytest.mark.skipif(not NODE, reason="needs node")


def node(*arguments: str) -> None:
    done = subprocess.run([str(NODE), *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_script_parses():
    node("-e", PARSE, *map(str, SCRIPTS))


def test_pure_functions_are_right():
    node("--test", str(Path(__file__).with_name("page.test.js")))

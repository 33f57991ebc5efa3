"""Which compiler is used, and what becomes of those that fail, with scripts as compilers."""

import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from cnnlab.kernels import compiler
from cnnlab.kernels.compiler import FOLDER, Unavailable, compile_in
from cnnlab.kernels.library import DEFINITIONS

Script = Callable[[str, str], Path]
COMPILES = 'while [ "$1" != -o ]; do shift; done; echo "$0" > "$2"\n'  # as if


@pytest.fixture
def script(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Script:
    """Puts a program into a folder that is all of PATH."""
    (tmp_path / "bin").mkdir()
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.delenv("CC", raising=False)
    monkeypatch.setattr(sys, "path", [str(tmp_path)])  # no ziglang

    def write(name: str, text: str) -> Path:
        path = tmp_path / "bin" / name
        path.write_text(f"#!/bin/sh\n{text}")
        path.chmod(0o755)
        return path

    return write


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "draft").mkdir()
    return tmp_path / "draft"


def accept(path: Path) -> None:
    """Accepts each library that exists."""
    if not path.exists():
        raise OSError("no such file")


def compiled_by(folder: Path, check: Callable[[Path], None] = accept) -> str:
    return Path(compile_in(folder, (), check).read_text().strip()).name


def test_without_a_compiler_the_reason_says_what_to_install(script: Script, folder: Path):
    with pytest.raises(Unavailable, match=r"^there is no C compiler: install one, or `pip install ziglang`$"):
        compile_in(folder, (), accept)


def test_the_users_choice_comes_first_with_its_arguments(
    script: Script, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    script("cc", COMPILES)
    script("mine", f'echo "$@" > {tmp_path}/arguments; {COMPILES}')
    monkeypatch.setenv("CC", "mine --fast 'a b'")
    assert compiled_by(folder) == "mine"
    assert (tmp_path / "arguments").read_text().startswith("--fast a b -O3 ")


def test_definitions_reach_the_compiler(script: Script, folder: Path, tmp_path: Path):
    script("cc", f'echo "$@" > {tmp_path}/arguments; {COMPILES}')
    compile_in(folder, ("REAL=double", "INTEGER=int64_t"), accept)
    assert " -DREAL=double -DINTEGER=int64_t " in (tmp_path / "arguments").read_text()


@pytest.mark.parametrize("choice", ["", "  ", "nonesuch -x", "-O2", "'", 'gcc "', "/", "/etc/passwd", "false"])
def test_a_choice_that_is_no_compiler_does_not_matter(
    script: Script, folder: Path, monkeypatch: pytest.MonkeyPatch, choice: str
):
    script("false", "exit 1\n")
    script("clang", COMPILES)
    monkeypatch.setenv("CC", choice)
    assert compiled_by(folder) == "clang"


@pytest.mark.parametrize("fault", ["exit 1\n", "exit 0\n", "kill -SEGV $$\n", f"{COMPILES} exit 1\n"])
def test_after_a_compiler_that_fails_the_next_is_tried(script: Script, folder: Path, fault: str):
    script("cc", fault)
    script("clang", COMPILES)
    assert compiled_by(folder) == "clang"


def test_a_library_that_computes_wrongly_is_not_used(script: Script, folder: Path):
    def check(path: Path) -> None:
        if "cc" in path.read_text():
            raise Unavailable("it computes other convolutions")

    script("cc", COMPILES)
    with pytest.raises(Unavailable, match=r"^cc failed: it computes other convolutions$"):
        compile_in(folder, (), check)
    script("clang", COMPILES)
    assert compiled_by(folder, check) == "clang"


def test_a_library_that_cannot_be_loaded_may_be_in_another_folder(script: Script, folder: Path):
    script("cc", "exit 0\n")
    with pytest.raises(OSError, match=r"^cc's library cannot be loaded: no such file$"):
        compile_in(folder, (), accept)


@pytest.mark.parametrize(
    ("says", "reason"),
    [
        ("", "exit code 3"),
        ("a warning\\nx.c:3: fatal error: stdint.h\\nmore", "x.c:3: fatal error: stdint.h"),
        ("cannot execute cc1", "cannot execute cc1"),
        ("\\033error:\\007 b\\303d \\377\\000", "error: b\ufffdd \ufffd"),
    ],
)
def test_the_reason_is_one_printable_line(script: Script, folder: Path, says: str, reason: str):
    script("cc", f"printf '{says}' >&2; exit 3\n")
    with pytest.raises(Unavailable) as caught:
        compile_in(folder, (), accept)
    assert str(caught.value) == f"cc failed: {reason}"


def test_a_long_reason_is_cut(script: Script, folder: Path):
    script("cc", "printf 'error %09999d' 0 >&2; exit 3\n")
    with pytest.raises(Unavailable) as caught:
        compile_in(folder, (), accept)
    assert len(str(caught.value)) < 300


def test_the_reason_is_that_of_the_users_choice(script: Script, folder: Path, monkeypatch: pytest.MonkeyPatch):
    script("cc", "echo error of cc >&2; exit 1\n")
    script("mine", "echo error of mine >&2; exit 1\n")
    monkeypatch.setenv("CC", "mine")
    with pytest.raises(Unavailable, match="mine failed: error of mine"):
        compile_in(folder, (), accept)


def test_the_same_compiler_under_two_names_is_tried_once(script: Script, folder: Path, tmp_path: Path):
    real = script("gcc", f"echo >> {tmp_path}/calls; exit 1\n")
    (tmp_path / "bin" / "cc").symlink_to(real)
    with pytest.raises(Unavailable):
        compile_in(folder, (), accept)
    assert (tmp_path / "calls").read_text() == "\n"


def is_running(pid: int) -> bool:
    """Whether a process runs; one that is not waited for does not."""
    done = subprocess.run(["/bin/ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False)
    return done.returncode == 0 and not done.stdout.startswith("Z")


def wait_for_end(pid: int) -> None:
    end = time.monotonic() + 10
    while is_running(pid):
        assert time.monotonic() < end
        time.sleep(0.01)


def test_a_compiler_that_hangs_is_ended_with_what_it_has_started(
    script: Script, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(compiler, "TIMEOUT_S", 0.3)
    script("cc", f"/bin/sleep 100 & echo $! > {tmp_path}/pid; wait\n")
    with pytest.raises(Unavailable, match=r"cc failed: no end after 0\.3 s"):
        compile_in(folder, (), accept)
    wait_for_end(int((tmp_path / "pid").read_text()))


def test_a_signal_ends_the_compiler_with_what_it_has_started(script: Script, folder: Path, tmp_path: Path):
    def interrupt(signum: int, frame: object) -> None:
        raise KeyboardInterrupt

    script("cc", f"/bin/sleep 100 & echo $! > {tmp_path}/pid; /bin/sleep 1; kill -ALRM $PPID; wait\n")
    before = signal.signal(signal.SIGALRM, interrupt)
    try:
        with pytest.raises(KeyboardInterrupt):
            compile_in(folder, (), accept)
    finally:
        signal.signal(signal.SIGALRM, before)
    wait_for_end(int((tmp_path / "pid").read_text()))


def test_a_compiler_that_reads_its_input_does_not_wait_for_the_user(script: Script, folder: Path):
    script("cc", f"read line; {COMPILES}")
    assert compiled_by(folder) == "cc"


def test_what_a_compiler_says_is_not_shown(script: Script, folder: Path, capfd: pytest.CaptureFixture[str]):
    script("cc", f"echo hello; echo warning >&2; {COMPILES}")
    compile_in(folder, (), accept)
    assert capfd.readouterr() == ("", "")


def test_all_that_a_compiler_writes_is_in_the_folder(script: Script, folder: Path, tmp_path: Path):
    script("cc", 'echo > "$TMPDIR/x.s"; echo > "$ZIG_GLOBAL_CACHE_DIR/y"; echo > "$ZIG_LOCAL_CACHE_DIR/z";' + COMPILES)
    compile_in(folder, (), accept)
    assert {path.name for path in folder.iterdir()} == {"x.s", "y", "z", "library0.so"}


def test_zig_of_pypi_comes_last(script: Script, folder: Path, tmp_path: Path):
    zig = script("zig", f'[ "$1" = cc ] || exit 1; {COMPILES}')
    (tmp_path / "ziglang").mkdir()
    (tmp_path / "ziglang" / "__init__.py").touch()
    zig.rename(tmp_path / "ziglang" / "zig")
    assert compiled_by(folder) == "zig"
    script("cc", COMPILES)
    assert compiled_by(folder) == "cc"


def test_a_folder_that_is_called_ziglang_is_no_compiler(script: Script, folder: Path, tmp_path: Path):
    (tmp_path / "ziglang").mkdir()
    with pytest.raises(Unavailable, match="there is no C compiler"):
        compile_in(folder, (), accept)


def test_a_compiler_in_the_current_folder_is_not_used(
    script: Script, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    script("cc", COMPILES)
    monkeypatch.chdir(tmp_path / "bin")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(Unavailable, match="there is no C compiler"):
        compile_in(folder, (), accept)


@pytest.mark.parametrize("dtype", DEFINITIONS, ids=str)
@pytest.mark.parametrize("name", ["cc", "gcc", "clang"])
def test_the_sources_have_no_warning(tmp_path: Path, name: str, dtype: object):
    if shutil.which(name) is None:
        pytest.skip(f"there is no {name}")
    definitions = (f"-D{each}" for each in DEFINITIONS[dtype])  # type: ignore[index]
    options = ("-O0", "-std=gnu11", "-Wall", "-Wextra", "-Werror", "-fPIC", "-shared", "-o", tmp_path / "library.so")
    command = [name, *options, *definitions, *FOLDER.glob("*.c"), "-lm"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")

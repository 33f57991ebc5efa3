"""The cache of compiled libraries, with files of text as libraries."""

import os
import signal
import stat
import subprocess
import tempfile
import time
from collections.abc import Callable
from multiprocessing.util import get_temp_dir
from pathlib import Path

import pytest

from cnnlab.kernels import cache
from cnnlab.kernels.cache import load_or_build
from cnnlab.kernels.compiler import Unavailable
from tests.processes import CONTEXT

CONTENT = "what was compiled"
PATIENCE_S = 120


class Builder:
    """Builds the library, and counts how often."""

    def __init__(self) -> None:
        self.num_builds = 0

    def __call__(self, folder: Path) -> Path:
        self.num_builds += 1
        assert list(folder.iterdir()) == []
        path = folder / "library.so"
        path.write_text(CONTENT)
        return path


def load(path: Path) -> str:
    text = path.read_text()
    assert text == CONTENT, "this would have been executed"
    return text


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home and a folder for temporary files of this test's own."""
    (tmp_path / "home").mkdir()
    (tmp_path / "temporary").mkdir()
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    get_temp_dir()  # of multiprocessing, now: its sockets need short paths
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    return tmp_path / "home"


def folder_of(home: Path) -> Path:
    return home / ".cache" / "cnnlab"


def second_folder(home: Path) -> Path:
    return home.parent / "temporary" / f"cnnlab-{os.getuid()}"


def libraries(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.so"))


def test_the_first_run_builds_and_the_next_ones_load(home: Path):
    build = Builder()
    assert [load_or_build("key", load, build) for _ in range(3)] == [CONTENT] * 3
    assert build.num_builds == 1
    assert {path.name for path in folder_of(home).iterdir()} == {".lock", libraries(folder_of(home))[0].name}
    assert list((home.parent / "temporary").iterdir()) == []


def test_another_source_or_processor_has_a_library_of_its_own(home: Path):
    build = Builder()
    for key in ("one", "other", "one", "other"):
        load_or_build(key, load, build)
    assert build.num_builds == 2


def build_slowly(log: Path, folder: Path) -> Path:
    with log.open("a") as file:
        file.write("built\n")
    time.sleep(0.3)
    return Builder()(folder)


def start_at(moment: float, home: Path, log: Path) -> None:
    os.environ.update(HOME=str(home))
    os.environ.pop("XDG_CACHE_HOME", None)
    time.sleep(max(0, moment - time.time()))
    assert load_or_build("key", load, lambda folder: build_slowly(log, folder)) == CONTENT


@pytest.mark.slow
def test_of_twenty_processes_that_start_at_once_one_builds(home: Path, tmp_path: Path):
    moment, log = time.time() + 2, tmp_path / "log"
    processes = [CONTEXT.Process(target=start_at, args=(moment, home, log)) for _ in range(20)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(PATIENCE_S)
    assert [process.exitcode for process in processes] == [0] * 20
    assert log.read_text() == "built\n"


def hang_while_building(home: Path) -> None:
    os.environ.update(HOME=str(home))
    os.environ.pop("XDG_CACHE_HOME", None)

    def build(folder: Path) -> Path:
        (folder / "half.o").touch()
        time.sleep(PATIENCE_S)
        return folder

    load_or_build("key", load, build)


@pytest.mark.slow
def test_what_a_process_that_is_killed_while_it_builds_leaves_is_removed_by_the_next(home: Path):
    process = CONTEXT.Process(target=hang_while_building, args=(home,))
    process.start()
    while not list(folder_of(home).glob(".draft-*/half.o")):
        assert process.is_alive()
        time.sleep(0.01)
    os.kill(process.pid or 0, signal.SIGKILL)
    process.join(PATIENCE_S)
    assert load_or_build("key", load, Builder()) == CONTENT
    assert {path.suffix for path in folder_of(home).iterdir()} == {"", ".so"}
    assert not list(folder_of(home).glob(".draft-*"))


def test_an_exception_while_building_leaves_nothing(home: Path):
    def build(folder: Path) -> Path:
        (folder / "half.o").touch()
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        load_or_build("key", load, build)
    assert [path.name for path in folder_of(home).iterdir()] == [".lock"]
    assert load_or_build("key", load, Builder()) == CONTENT


def test_where_the_lock_is_never_released_another_folder_is_used(home: Path, monkeypatch: pytest.MonkeyPatch):
    from filelock import FileLock

    monkeypatch.setattr(cache, "LOCK_TIMEOUT_S", 0.1)
    folder_of(home).mkdir(parents=True, mode=0o700)
    with FileLock(folder_of(home) / ".lock"):
        assert load_or_build("key", load, Builder()) == CONTENT
    assert libraries(second_folder(home))


def replace_by(make: Callable[[Path], object]) -> Callable[[Path], None]:
    def replace(path: Path) -> None:
        path.unlink()
        make(path)

    return replace


def link_to_another(path: Path) -> None:
    other = path.with_name("other")
    other.write_text("something else")
    path.symlink_to(other)


DAMAGE: dict[str, Callable[[Path], object]] = {
    "truncated": lambda path: path.write_text(CONTENT[:5]),
    "empty": lambda path: path.write_text(""),
    "garbage": lambda path: path.write_bytes(os.urandom(1000)),
    "too long": lambda path: path.write_text(CONTENT + "\0"),
    "zeros, after a crash": lambda path: path.write_bytes(bytes(len(CONTENT))),
    "removed": Path.unlink,
    "a link": replace_by(link_to_another),
    "a pipe": replace_by(os.mkfifo),
    "writable by the group": lambda path: path.chmod(0o660),
    "writable by all": lambda path: path.chmod(0o606),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_library_that_is_not_what_was_built_is_built_again(home: Path, damage: str):
    build = Builder()
    load_or_build("key", load, build)
    (path,) = libraries(folder_of(home))
    DAMAGE[damage](path)
    assert [load_or_build("key", load, build) for _ in range(2)] == [CONTENT] * 2
    assert build.num_builds == 2
    assert path.read_text() == CONTENT
    assert stat.S_IMODE(path.lstat().st_mode) == 0o600


def test_where_a_folder_is_in_the_place_of_the_library_another_place_is_used(home: Path):
    build = Builder()
    load_or_build("key", load, build)
    (path,) = libraries(folder_of(home))
    path.unlink()
    path.mkdir()
    assert [load_or_build("key", load, build) for _ in range(3)] == [CONTENT] * 3
    assert build.num_builds == 3  # tried in the first folder, done in the second, found there
    assert libraries(second_folder(home))


def test_a_library_that_cannot_be_loaded_here_stays_for_the_machine_that_built_it(home: Path):
    load_or_build("key", load, Builder())

    def load_elsewhere(path: Path) -> str:
        if path.read_text() == CONTENT:
            raise OSError("needs a newer libc")
        return path.read_text()

    def build(folder: Path) -> Path:
        (folder / "library.so").write_text("for this container")
        return folder / "library.so"

    for _ in range(2):
        assert load_or_build("key", load_elsewhere, build) == "for this container"
        build = Builder()
    assert build.num_builds == 0
    assert len(libraries(folder_of(home))) == 2


UNTRUSTED: dict[str, Callable[[Path], object]] = {
    "its group can write": lambda home: folder_of(home).chmod(0o770),
    "all can write": lambda home: folder_of(home).chmod(0o707),
    "all can replace it": lambda home: folder_of(home).parent.chmod(0o777),
    "the group can replace what it is in": lambda home: home.chmod(0o770),
}


@pytest.mark.parametrize("fault", UNTRUSTED)
def test_a_folder_that_others_can_change_is_neither_read_nor_written(home: Path, fault: str):
    folder_of(home).mkdir(parents=True, mode=0o700)
    planted = folder_of(home) / f"{cache._name('key', b'evil')}.so"
    planted.write_text("evil")
    UNTRUSTED[fault](home)
    build = Builder()
    assert [load_or_build("key", load, build) for _ in range(2)] == [CONTENT] * 2
    assert build.num_builds == 1
    assert list(folder_of(home).iterdir()) == [planted]
    assert libraries(second_folder(home))


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give files away")
@pytest.mark.parametrize("what", ["home", "parent", "folder", "library"])
def test_what_belongs_to_another_user_is_not_trusted(home: Path, what: str):
    build = Builder()
    load_or_build("key", load, build)
    (path,) = libraries(folder_of(home))
    path.write_text("evil")
    path = path.rename(path.with_name(f"{cache._name('key', b'evil')}.so"))
    given = {"home": home, "parent": home / ".cache", "folder": folder_of(home), "library": path}[what]
    os.chown(given, 12345, 12345)
    assert [load_or_build("key", load, build) for _ in range(2)] == [CONTENT] * 2
    assert build.num_builds == 2


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give files away")
def test_a_home_of_another_user_gets_no_folders(home: Path):
    os.chown(home, 12345, 12345)  # as for `sudo -E`
    assert load_or_build("key", load, Builder()) == CONTENT
    assert list(home.iterdir()) == []


@pytest.mark.parametrize(
    ("variable", "value", "place"),
    [
        ("XDG_CACHE_HOME", "{root}/chosen", "chosen/cnnlab"),
        ("XDG_CACHE_HOME", "{root}/a/b/c", "a/b/c/cnnlab"),
        ("XDG_CACHE_HOME", "relative", "home/.cache/cnnlab"),
        ("XDG_CACHE_HOME", "~/.cache", "home/.cache/cnnlab"),
        ("XDG_CACHE_HOME", "", "home/.cache/cnnlab"),
        ("XDG_CACHE_HOME", "{root}/file", "temporary/cnnlab-{uid}"),
        ("XDG_CACHE_HOME", "{root}/circle", "temporary/cnnlab-{uid}"),
        ("XDG_CACHE_HOME", "{root}/dangling", "temporary/cnnlab-{uid}"),
        ("XDG_CACHE_HOME", "{root}/link", "real/cnnlab"),
        ("HOME", "{root}/nonexistent", "temporary/cnnlab-{uid}"),
        ("HOME", "relative", "temporary/cnnlab-{uid}"),
    ],
)
def test_where_the_cache_is(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str, value: str, place: str
):
    (tmp_path / "file").touch()
    (tmp_path / "circle").symlink_to(tmp_path / "circle")
    (tmp_path / "dangling").symlink_to(tmp_path / "nowhere")
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    monkeypatch.setenv(variable, value.format(root=tmp_path))
    monkeypatch.chdir(tmp_path)
    build = Builder()
    assert [load_or_build("key", load, build) for _ in range(2)] == [CONTENT] * 2
    assert build.num_builds == 1
    assert {path.parent for path in tmp_path.rglob("*.so")} == {tmp_path / place.format(uid=os.getuid())}


def test_without_a_home_and_a_user_name_it_is_among_the_temporary_files(home: Path, monkeypatch: pytest.MonkeyPatch):
    def unknown() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "home", unknown)
    assert load_or_build("key", load, Builder()) == CONTENT
    assert libraries(second_folder(home))


@pytest.mark.parametrize("umask", [0o000, 0o002, 0o077])
def test_the_umask_does_not_matter(home: Path, umask: int):
    build = Builder()
    before = os.umask(umask)
    try:
        for _ in range(2):
            load_or_build("key", load, build)
    finally:
        os.umask(before)
    assert build.num_builds == 1


def remount(disk: Path, options: str) -> None:
    subprocess.run(["mount", "-o", f"remount,{options}", disk], check=True)


@pytest.mark.parametrize("fault", ["full", "mounted noexec", "read-only"])
def test_a_cache_that_cannot_be_used_is_built_in_vain_by_nobody(
    home: Path, disk: Path, monkeypatch: pytest.MonkeyPatch, fault: str
):
    monkeypatch.setenv("XDG_CACHE_HOME", str(disk))
    if fault == "mounted noexec":
        remount(disk, "noexec,size=20000k")
    if fault == "read-only":
        remount(disk, "ro")
    build = Builder()
    assert [load_or_build("key", load, build) for _ in range(2)] == [CONTENT] * 2
    assert build.num_builds == 1
    assert libraries(second_folder(home))
    assert {path.name for path in disk.rglob("*")} <= {"cnnlab", ".lock"}


def test_where_nothing_can_be_kept_each_process_builds_for_itself(home: Path):
    for folder in (folder_of(home), second_folder(home)):
        folder.parent.mkdir(exist_ok=True)
        folder.touch()
    build = Builder()
    assert [load_or_build("key", load, build) for _ in range(2)] == [CONTENT] * 2
    assert build.num_builds == 2
    assert list((home.parent / "temporary").iterdir()) == [second_folder(home)]


def test_a_library_that_no_folder_can_load_is_unavailable_with_the_first_reason(home: Path):
    def load_nowhere(path: Path) -> str:
        raise OSError(f"not from {path}")

    with pytest.raises(Unavailable, match=f"{folder_of(home)}: not from .*"):
        load_or_build("key", load_nowhere, Builder())


def test_a_compiler_that_fails_is_not_asked_again_elsewhere(home: Path):
    calls = []

    def build(folder: Path) -> Path:
        calls.append(folder)
        raise Unavailable("there is no C compiler")

    with pytest.raises(Unavailable, match="no C compiler"):
        load_or_build("key", load, build)
    assert len(calls) == 1


def test_libraries_of_old_sources_do_not_pile_up(home: Path):
    for key in ("kernels-old", "kernels-recent"):
        load_or_build(key, load, Builder())
    (old,) = folder_of(home).glob("kernels-old-*")
    foreign = folder_of(home) / "foreign.so"
    foreign.touch()
    for path in (old, foreign):
        os.utime(path, (0, 0))
    load_or_build("kernels-new", load, Builder())
    keys = [path.name.rpartition("-")[0] for path in libraries(folder_of(home))]
    assert keys == ["", "kernels-new", "kernels-recent"]

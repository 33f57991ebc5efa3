"""Random damage to the files of runs and sweeps."""

import functools
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from random import Random

from tests.conftest import REPOSITORY
from tests.processes import unmeasured
from tests.torture.campaign import Ending, Wrong
from tests.torture.commands import (
    JOBS,
    PATIENCE_S,
    RUN,
    USER_ERROR,
    faultless_run,
    faultless_sweep,
    refused,
    start,
    sweep_weights,
    weights,
)


def damage_run(rng: Random, place: Path) -> Ending:
    """A file of a run that was killed in its second epoch is damaged, and the run resumed."""
    run = place / "run"
    shutil.copytree(_killed_run(), run, symlinks=True)
    what = damage(rng, rng.choice(_files(run)))
    code, text = start(place, f"resume={run}").end(0, USER_ERROR)
    if code == USER_ERROR:
        refused(text)
        return Ending.REFUSED
    if weights(run) != faultless_run()[0]:
        raise Wrong(f"{what}, and then other weights:\n{text}")
    return Ending.RECOVERED


def damage_sweep(rng: Random, place: Path) -> Ending:
    """A file of a finished sweep is damaged, or a foreign one added; then come the same command and a table."""
    sweep = place / "sweep"
    shutil.copytree(_finished_sweep(), sweep, symlinks=True)
    what = damage(rng, rng.choice(_files(sweep))) if rng.random() < 0.7 else lay_foreign(rng, sweep)
    code, text = start(place, "-m", *RUN, *JOBS, f"hydra.sweep.dir={sweep}", lends_server=True).end(0, USER_ERROR)
    _table(sweep, what)
    if code == USER_ERROR:
        refused(text)
        return Ending.REFUSED
    if sweep_weights(sweep) != faultless_sweep()[0]:
        raise Wrong(f"{what}, and then other weights:\n{text}")
    return Ending.RECOVERED


def damage(rng: Random, path: Path) -> str:
    """Damages a file in a random way; returns what was done."""
    how = rng.choice(DAMAGES)
    how(rng, path)
    return f"{how.__name__.strip('_')} {path}"


def lay_foreign(rng: Random, sweep: Path) -> str:
    """Lays something that is not ours into a sweep's folder, or a job's."""
    folder = rng.choice([sweep, *(path for path in sweep.iterdir() if path.is_dir())])
    name = rng.choice(
        ("result.json", "notes.txt", "known.jsonl", "sweep.lock", ".hydra", "study.json", "multirun.yaml", "λ")
    )
    path = folder / (name if not (folder / name).exists() else f"{name}.old")
    rng.choice((_fifo, _directory, _loop, _garbage))(rng, path)
    return f"foreign {path}"


def _flip(rng: Random, path: Path) -> None:
    content = bytearray(path.read_bytes() or b"\0")
    content[rng.randrange(len(content))] ^= 1 << rng.randrange(8)
    path.write_bytes(content)


def _truncate(rng: Random, path: Path) -> None:
    os.truncate(path, rng.randrange(path.stat().st_size or 1))


def _zero(rng: Random, path: Path) -> None:
    content = bytearray(path.read_bytes())
    start_at = rng.randrange(len(content) or 1)
    end_at = min(len(content), start_at + 4096)
    content[start_at:end_at] = bytes(end_at - start_at)
    path.write_bytes(content)


def _append(rng: Random, path: Path) -> None:
    path.write_bytes(path.read_bytes() + rng.randbytes(rng.randint(1, 100)))


def _empty(rng: Random, path: Path) -> None:
    path.write_bytes(b"")


def _remove(rng: Random, path: Path) -> None:
    path.unlink()


def _garbage(rng: Random, path: Path) -> None:
    path.write_bytes(rng.randbytes(rng.randint(1, 5000)))


def _directory(rng: Random, path: Path) -> None:
    path.unlink(missing_ok=True)
    path.mkdir()


def _fifo(rng: Random, path: Path) -> None:
    path.unlink(missing_ok=True)
    os.mkfifo(path)


def _loop(rng: Random, path: Path) -> None:
    path.unlink(missing_ok=True)
    path.symlink_to(path.name)


DAMAGES: tuple[Callable[[Random, Path], None], ...] = (
    *(_flip, _flip, _flip, _truncate, _truncate, _zero, _append, _empty, _remove, _garbage, _directory, _fifo, _loop),
)


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def _table(sweep: Path, what: str) -> None:
    done = subprocess.run(
        [sys.executable, "scripts/report.py", str(sweep)],
        cwd=REPOSITORY, env=unmeasured(), capture_output=True, text=True, timeout=PATIENCE_S, check=False,
    )  # fmt: skip
    if done.returncode not in (0, USER_ERROR) or "Traceback" in done.stderr:
        raise Wrong(f"{what}, and then report.py: {done.stdout}{done.stderr}")


@functools.cache
def _templates() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="cnnlab-torture-")  # removed when Python ends


@functools.cache
def _killed_run() -> Path:
    """A run that was killed after its first epoch, or its second."""
    for number in range(20):
        run = Path(_templates().name) / f"killed-{number}"
        command = start(run.parent, *RUN, f"hydra.run.dir={run}")
        while not (run / "checkpoints" / "last.ckpt").exists() and command.code(0.01) is None:
            pass
        command.send(signal.SIGKILL)
        command.end(0, -signal.SIGKILL)
        if (run / "checkpoints" / "last.ckpt").exists() and not (run / "result.json").exists():
            return run
    raise Wrong("a run cannot be killed before it ends")


@functools.cache
def _finished_sweep() -> Path:
    sweep = Path(_templates().name) / "finished"
    start(sweep.parent, "-m", *RUN, *JOBS, f"hydra.sweep.dir={sweep}", lends_server=True).end(0)
    return sweep

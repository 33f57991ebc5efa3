"""Compiles the kernels for this machine's processor, with the C compiler that is there."""

import hashlib
import importlib.util
import os
import platform
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import takewhile
from pathlib import Path

from cnnlab.errors import one_line

FOLDER = Path(__file__).parent  # of the sources
TIMEOUT_S = 60  # of the compiler, which takes two seconds
MESSAGE_BYTES = 65_536  # of what it says
MESSAGE_LENGTH = 200
WRAPPERS = ("ccache", "sccache", "distcc", "icecc")
ZIG_CACHES = ("ZIG_GLOBAL_CACHE_DIR", "ZIG_LOCAL_CACHE_DIR")
IS_X86 = platform.machine() in ("x86_64", "AMD64", "i686")
FLAGS = (
    *("-O3", "-std=gnu11", "-fPIC", "-shared", "-fno-fast-math"),  # Intel's would lose NaN
    *(("-march=native", "-mprefer-vector-width=512") if IS_X86 else ("-mcpu=native",)),  # clang would take 256 bits
    *(("-Wl,-Bsymbolic",) if sys.platform.startswith("linux") else ()),  # no other library's functions of these names
)


class Unavailable(Exception):
    """The kernels cannot be used, and why."""


class Failed(Unavailable):
    """A program failed, and what it said.

    Attributes:
        exit_code: Negative: killed by that signal.
    """

    def __init__(self, reason: str, exit_code: int) -> None:
        super().__init__(reason)
        self.exit_code = exit_code


def key(definitions: tuple[str, ...]) -> str:
    """Names the library by its sources, the processor and the user's choice of a compiler."""
    sources = [path.read_bytes() for path in sorted(FOLDER.glob("*.[ch]"))]
    chosen = os.environ.get("CC", "")
    text = repr((sources, FLAGS, definitions, chosen, platform.system(), platform.machine(), _processor()))
    return f"kernels-{hashlib.sha256(text.encode()).hexdigest()[:16]}"


def _processor() -> list[str]:
    """What tells processors apart that have other instructions."""
    names = {"vendor_id", "cpu family", "model", "model name", "flags", "CPU implementer", "CPU part", "Features"}
    try:
        with Path("/proc/cpuinfo").open() as file:
            first_core = list(takewhile(str.strip, file))
    except OSError:
        return [platform.processor(), _processor_of_mac()]
    return [line for line in first_core if line.partition(":")[0].strip() in names]


def _processor_of_mac() -> str:
    """Its name, such as Apple M3; empty if it is unknown."""
    try:
        return subprocess.check_output(["sysctl", "-n", "machdep.cpu.brand_string"], text=True, timeout=TIMEOUT_S)
    except (OSError, subprocess.SubprocessError, ValueError):
        return ""


def compilers() -> list[list[str]]:
    """The commands to try: the user's choice first; the others, since a run must not fail for want of it."""
    found, seen = [], set()
    for command in _commands():
        program = shutil.which(command[0])
        if program is None:
            continue
        real = os.path.realpath(program)
        name = Path(program).name if Path(real).name in WRAPPERS else ""  # by which a wrapper knows its compiler
        if (real, name, *command[1:]) not in seen:
            found.append(command)
            seen.add((real, name, *command[1:]))
    return found


def _commands() -> Iterator[list[str]]:
    with suppress(ValueError):  # a quotation that does not end
        if chosen := shlex.split(os.environ.get("CC", "")):
            yield chosen
    yield from (["cc"], ["gcc"], ["clang"])
    with suppress(ImportError, ValueError):
        ziglang = importlib.util.find_spec("ziglang")
        if ziglang is not None and ziglang.origin is not None:
            yield [str(Path(ziglang.origin).with_name("zig")), "cc"]


def compile_in(folder: Path, definitions: tuple[str, ...], check: Callable[[Path], None]) -> Path:
    """Compiles the library with the first compiler that can.

    Args:
        folder: An empty folder for the library and what the compiler needs beside it.
        definitions: The compiler's, such as `REAL=double`.
        check: Raises `Unavailable` if the library is of no use, OSError if it cannot be loaded from there.

    Returns:
        The library's path.

    Raises:
        Unavailable: If no compiler can.
        OSError: As `check`, if a compiler might have succeeded in another folder.
    """
    reasons: list[str] = []
    cannot_load: OSError | None = None
    for number, command in enumerate(compilers()):
        path = folder / f"library{number}.so"
        sources = sorted(map(str, FOLDER.glob("*.c")))
        arguments = [*command, *FLAGS, *(f"-D{each}" for each in definitions), *sources, "-o", str(path), "-lm"]
        try:
            run(arguments, folder, {"TMPDIR": str(folder), **{name: str(folder) for name in ZIG_CACHES}})
            check(path)
        except Unavailable as error:
            reasons.append(f"{shlex.join(command)} failed: {error}")
        except OSError as error:
            cannot_load = OSError(f"{shlex.join(command)}'s library cannot be loaded: {error}")
        else:
            return path
    if cannot_load is not None:
        raise cannot_load
    raise Unavailable(next(iter(reasons), "there is no C compiler: install one, or `pip install ziglang`"))


def run(arguments: list[str], folder: Path, environment: dict[str, str]) -> None:
    """Runs a program without a terminal, and ends all that it has started with it.

    Args:
        arguments: The command.
        folder: Where to write what it says.
        environment: Added to this process's.

    Raises:
        Failed: With what it says.
        Unavailable: If it cannot be started, or takes too long.
    """
    with tempfile.TemporaryFile(dir=folder) as messages:
        try:
            process = subprocess.Popen(
                arguments,
                env={**os.environ, "LC_ALL": "C", **environment},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=messages,
                start_new_session=True,
            )
        except (OSError, ValueError) as error:
            raise Unavailable(one_line(error)) from error
        try:
            exit_code = process.wait(TIMEOUT_S)
        except BaseException as error:  # a signal's, too
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            if isinstance(error, subprocess.TimeoutExpired):
                raise Unavailable(f"no end after {TIMEOUT_S} s") from None
            raise
        if exit_code != 0:
            messages.seek(0)
            text = messages.read(MESSAGE_BYTES).decode(errors="replace")
            raise Failed(_first_error(text) or _ending(exit_code), exit_code)


def _first_error(text: str) -> str:
    """The line that says most, in printable characters; empty if there is none."""
    lines = [line for line in text.splitlines() if line.strip()]
    line = next((line for line in lines if "error" in line.lower()), lines[-1] if lines else "")
    return "".join(filter(str.isprintable, line)).strip()[:MESSAGE_LENGTH]


def _ending(exit_code: int) -> str:
    return f"exit code {exit_code}" if exit_code > 0 else f"killed by {signal.Signals(-exit_code).name}"

"""Where a run is at work, and with which version of this code: its result records it."""

import platform
import subprocess
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[3]  # of the repository, unless the package is installed without it
TIMEOUT_S = 10


@cache
def processor() -> str:
    """The processor's name, on Linux with what tells its generations apart: `AMD EPYC (family 26, model 2)`."""
    try:
        lines = Path("/proc/cpuinfo").read_text(errors="replace").split("\n\n")[0].splitlines()
    except OSError:
        lines = []
    found = {name.strip(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    name = found.get("model name") or platform.processor() or platform.machine()
    generation = [
        f"{short} {found[key]}" for key, short in (("cpu family", "family"), ("model", "model")) if key in found
    ]
    return f"{name} ({', '.join(generation)})" if generation else name


@cache
def commit() -> str | None:
    """The commit of this repository, `-dirty` with changes that it does not have; None if there is none, or no git."""
    if not (ROOT / ".git").exists():
        return None
    command = ["git", "-C", str(ROOT), "describe", "--always", "--dirty", "--abbrev=12", "--exclude=*"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT_S, check=True)
    except (OSError, subprocess.SubprocessError, ValueError):
        return None
    return done.stdout.strip() or None

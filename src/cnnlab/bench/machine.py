"""The hardware and software that the numbers depend on."""

import os
import platform
import re
from pathlib import Path
from typing import Any

import lightning
import torch

from cnnlab import kernels
from cnnlab.kernels.library import library

# of all that a processor can do: what convolutions and matrix products use
FEATURES = (
    *("avx", "avx2", "fma", "avx_vnni"),
    *("avx512f", "avx512bw", "avx512dq", "avx512vl", "avx512_vnni", "avx512_bf16", "amx_tile"),
    *("asimd", "asimdhp", "sve", "sve2"),
)
VARIABLES = ("ATEN_CPU_CAPABILITY", "ONEDNN_MAX_CPU_ISA", "MKL_ENABLE_INSTRUCTIONS", "CC", "CXX")  # that change code
COMPILERS = {"clang": rb"clang version (\d[\w.]*)", "GCC": rb"GCC: \([^)\0]*\) (\d[\w.]*)"}  # clang links parts of GCC


def describe_machine() -> dict[str, Any]:
    """The processor, what it can do and what is used of it, and the versions; compiles our kernels if necessary."""
    cpu = _cpu_info()
    flags = (cpu.get("flags") or cpu.get("Features") or "").split()
    return {
        "processor": cpu.get("model name") or platform.processor() or platform.machine(),
        "model": " ".join(f"{name} {cpu[name]}" for name in ("cpu family", "model") if name in cpu),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "features": [feature for feature in FEATURES if feature in flags],
        "capability": torch.backends.cpu.get_cpu_capability(),
        "kernels": _describe_kernels(),
        "environment": {name: os.environ[name] for name in VARIABLES if name in os.environ},
        "system": platform.platform(),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "lightning": lightning.__version__,
    }


def format_machine(machine: dict[str, Any]) -> str:
    """The same as three lines."""
    cores = f"{machine['cores']} core{'s' * (machine['cores'] != 1)}"
    lines = [
        ", ".join(filter(None, (machine["processor"], machine["model"], cores, " ".join(machine["features"])))),
        f"torch {machine['torch']} uses {machine['capability']}; our kernels: {_format_kernels(machine['kernels'])}",
        " ".join(f"{name}={value}" for name, value in machine["environment"].items()),
    ]
    return "\n".join(filter(None, lines))


def compiler_of(binary: bytes) -> str | None:
    """The compiler that made a library, from the comment that it leaves there."""
    for name, pattern in COMPILERS.items():
        if found := re.search(pattern, binary):
            return f"{name} {found[1].decode()}"
    return None


def _describe_kernels() -> dict[str, Any] | None:
    compiled = library(torch.float32) if kernels.available() else None
    if compiled is None:
        return None
    path = Path(compiled._name)  # that of a temporary folder is gone
    compiler = compiler_of(path.read_bytes()) if path.is_file() else None
    return {"lanes": compiled.lanes(), "bits": 32 * compiled.lanes(), "compiler": compiler}


def _format_kernels(found: dict[str, Any] | None) -> str:
    if found is None:
        return "none, torch's are used"
    compiler = f", compiled by {found['compiler']}" if found["compiler"] else ""
    return f"vectors of {found['lanes']} floats ({found['bits']} bits){compiler}"


def _cpu_info() -> dict[str, str]:
    """What Linux knows of the first core."""
    path = Path("/proc/cpuinfo")
    text = path.read_text() if path.exists() else ""
    pairs = (line.partition(":") for line in text.split("\n\n")[0].splitlines())
    return {name.strip(): value.strip() for name, _, value in pairs}

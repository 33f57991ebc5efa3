"""The compiled kernels as functions of Python, or none."""

import ctypes
import logging
from functools import lru_cache
from pathlib import Path

import torch

from cnnlab.kernels.compiler import Unavailable, load_compiled

DEFINITIONS: dict[torch.dtype, tuple[str, ...]] = {
    torch.float32: (),
    torch.float64: ("REAL=double", "INTEGER=int64_t"),
}
RUNTIME = ("GOMP_parallel", "omp_get_thread_num", "omp_get_num_threads")  # of the OpenMP that torch has loaded

logger = logging.getLogger(__name__)
_is_chosen = True


class Convolution(ctypes.Structure):
    """The sizes of a convolution, as in kernels.c. Strides are in numbers, not bytes."""

    _fields_ = (
        *((name, ctypes.c_int64) for name in ("images", "channels", "height", "width")),
        *((name, ctypes.c_int64) for name in ("filters", "size", "padding", "is_pooled")),
        *((name, ctypes.c_int64 * 4) for name in ("x_strides", "g_strides")),
        *((name, ctypes.c_int64) for name in ("needs_input_gradient", "threads")),
    )


def choose(name: str) -> None:
    """Chooses the kernels of this process, like the flags of `torch.backends`.

    Args:
        name: `"auto"` for ours where they can be used, `"torch"` for torch's.
    """
    global _is_chosen
    _is_chosen = name == "auto"


def available(dtype: torch.dtype = torch.float32) -> bool:
    """Whether our kernels are chosen and can be used; compiles them if necessary."""
    return _is_chosen and dtype in DEFINITIONS and library(dtype) is not None


@lru_cache
def library(dtype: torch.dtype) -> ctypes.CDLL | None:
    """The kernels for float32 or float64; None, and one line of log, if they cannot be compiled."""
    try:
        return load_compiled(_load, DEFINITIONS[dtype])
    except Unavailable as error:
        logger.warning("torch's kernels are used, which are slower than ours on a CPU: %s", error)
        return None


def _load(path: Path) -> ctypes.CDLL:
    if not path.exists():
        raise FileNotFoundError(path)  # CDLL would look for it elsewhere
    loaded = ctypes.CDLL(str(path))
    address = ctypes.c_void_p
    for count in (loaded.forward_scratch, loaded.backward_scratch):
        count.argtypes, count.restype = [address], ctypes.c_int64
    loaded.forward.argtypes, loaded.forward.restype = [address] * 7, None
    loaded.backward.argtypes, loaded.backward.restype = [address] * 9, None
    loaded.dropout_mask.argtypes = [address, ctypes.c_int64, ctypes.c_uint64, ctypes.c_double]
    loaded.dropout_mask.restype = None
    process = ctypes.CDLL(None)
    if all(hasattr(process, name) for name in RUNTIME):
        loaded.use_openmp(*(ctypes.cast(getattr(process, name), address) for name in RUNTIME))
    return loaded

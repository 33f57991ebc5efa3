"""The compiled kernels as functions of Python, or none."""

import ctypes
import logging
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch
from torch.autograd import forward_ad

from cnnlab.kernels.compiler import Unavailable, load_compiled

DEFINITIONS: dict[torch.dtype, tuple[str, ...]] = {
    torch.float32: (),
    torch.float64: ("REAL=double", "INTEGER=int64_t", "REAL_BYTES=8"),
}
ADDRESS = ctypes.c_void_p
ARGUMENTS: dict[str, list[Any]] = {
    "conv_forward": [ADDRESS] * 7,
    "conv_backward": [ADDRESS] * 9,
    "batch_norm_forward": [ADDRESS],
    "batch_norm_backward": [ADDRESS],
    "max_pool_forward": [ADDRESS],
    "max_pool_backward": [ADDRESS],
    "dropout_mask": [ADDRESS, ctypes.c_int64, ctypes.c_uint64, ctypes.c_double],
}
RUNTIME = ("GOMP_parallel", "omp_get_thread_num", "omp_get_num_threads")  # of the OpenMP that torch has loaded

logger = logging.getLogger(__name__)
_is_chosen = True


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


def can_take(tensor: torch.Tensor) -> bool:
    """Whether our kernels are available for a tensor, and nothing is active that has to look into them.

    That is `torch.compile`, a transform of `torch.func`, forward-mode differentiation and autocast.
    """
    return (
        tensor.device.type == "cpu"
        and available(tensor.dtype)
        and not torch.is_autocast_enabled("cpu")
        and not torch.compiler.is_compiling()
        and not torch._C._are_functorch_transforms_active()  # 0.1 µs; torch has no public way to ask
        and forward_ad._current_level < 0
    )


def address(tensor: torch.Tensor | None) -> int | None:
    """Where a tensor's numbers are."""
    return None if tensor is None else tensor.data_ptr()


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
    for name, arguments in ARGUMENTS.items():
        function = getattr(loaded, name)
        function.argtypes, function.restype = arguments, None
    for count in (loaded.conv_forward_scratch, loaded.conv_backward_scratch):
        count.argtypes, count.restype = [ADDRESS], ctypes.c_int64
    process = ctypes.CDLL(None)
    if all(hasattr(process, name) for name in RUNTIME):
        loaded.use_openmp(*(ctypes.cast(getattr(process, name), ADDRESS) for name in RUNTIME))
    return loaded

"""The compiled kernels as functions of Python, or none."""

import ctypes
import logging
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch.autograd import forward_ad

from cnnlab.errors import one_line
from cnnlab.kernels import trial
from cnnlab.kernels.cache import load_or_build
from cnnlab.kernels.compiler import Failed, Unavailable, compile_in, key, run

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
Function = TypeVar("Function", bound=Callable[..., Any])
_is_chosen = True
_loaded: dict[torch.dtype, ctypes.CDLL | None] = {}
_untold: list[str] = []  # why there are none


def choose(name: str) -> None:
    """Chooses the kernels of this process, like the flags of `torch.backends`.

    Args:
        name: `"auto"` for ours where they can be used, `"torch"` for torch's.
    """
    global _is_chosen
    _is_chosen = name == "auto"


def preload() -> None:
    """Loads the kernels for float32, or finds out why that is impossible, for the forks of this process."""
    library(torch.float32)


def available(dtype: torch.dtype = torch.float32) -> bool:
    """Whether our kernels are chosen and can be used; if they cannot be compiled, one line is logged."""
    if not _is_chosen or dtype not in DEFINITIONS:
        return False
    if library(dtype) is not None:
        return True
    while _untold:
        reason = _untold.pop()
        if os.environ.get("LOCAL_RANK", "0") == "0":  # not in each process of a distributed run
            logger.warning("using torch's kernels, which are slower on a CPU, because %s", reason)
    return False


def can_take(tensor: torch.Tensor, *parameters: torch.Tensor | None) -> bool:
    """Whether our kernels are available for a tensor and a layer's parameters, and may be used now.

    They may not where somebody has to see torch's own operations: under `torch.compile`, tracing, transforms of
    `torch.func`, modes that intercept operations, forward-mode differentiation and autocast.

    Args:
        tensor: A layer's input.
        parameters: Those of the layer that the kernel reads.
    """
    return (
        not torch.compiler.is_compiling()  # first: nothing else here may be compiled, and so be asked later
        and all(_has_plain_numbers(each, tensor.dtype) for each in (tensor, *parameters) if each is not None)
        and available(tensor.dtype)
        and not torch.is_autocast_enabled("cpu")
        and not torch._C._is_tracing()  # by torch.jit
        and not torch._C._are_functorch_transforms_active()  # 0.1 µs; torch has no public way to ask
        and not torch._C._len_torch_dispatch_stack()
        and forward_ad._current_level < 0
    )


def _has_plain_numbers(tensor: torch.Tensor, dtype: torch.dtype) -> bool:
    """Whether a tensor's numbers are in memory as they are: a subclass may have none, a lazy negative has others."""
    return (
        type(tensor) in (torch.Tensor, torch.nn.Parameter)
        and tensor.device.type == "cpu"
        and tensor.dtype == dtype
        and tensor.layout is torch.strided
        and not tensor.is_neg()
    )


def with_real_numbers(function: Function) -> Function:
    """A function that torch.compile calls instead of compiling it, since it looks for tensors' numbers in memory."""
    opaque: Function = torch.compiler.disable(function)
    return opaque


def address(tensor: torch.Tensor | None) -> int | None:
    """Where a tensor's numbers are."""
    return None if tensor is None else tensor.data_ptr()


def library(dtype: torch.dtype) -> ctypes.CDLL | None:
    """The kernels for float32 or float64; None if they cannot be compiled. A fork has what its parent has loaded."""
    if dtype not in _loaded:
        has_failed = None in _loaded.values()
        try:
            _loaded[dtype] = _find(dtype)
        except Unavailable as error:
            _loaded[dtype] = None
            if not has_failed:
                _untold.append(one_line(error))
    return _loaded[dtype]


def use(path: Path, dtype: torch.dtype) -> None:
    """Uses a library that was compiled for this type of numbers."""
    _loaded[dtype] = _load(path)


def _find(dtype: torch.dtype) -> ctypes.CDLL:
    if not hasattr(os, "killpg"):
        raise Unavailable("ours are for Linux and macOS only")
    definitions = DEFINITIONS[dtype]

    def build(folder: Path) -> Path:
        return compile_in(folder, definitions, lambda path: _try(path, dtype))

    return load_or_build(key(definitions), _load, build)


def _try(path: Path, dtype: torch.dtype) -> None:
    """Raises Unavailable if a library does not compute what torch does, OSError if it cannot be loaded."""
    if not sys.executable:
        raise Unavailable("Python does not know its own program, which would have to test them")
    name = str(dtype).removeprefix("torch.")
    arguments = [sys.executable, "-P", trial.__file__, str(path), name]
    try:
        run(arguments, path.parent, {"PYTHONPATH": os.pathsep.join(sys.path)})
    except Failed as error:
        if error.exit_code == trial.CANNOT_LOAD:
            raise OSError(error) from error
        raise


def _load(path: Path) -> ctypes.CDLL:
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

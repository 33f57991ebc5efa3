"""Settings of the whole process that spare every step something."""

import ctypes
import os

import torch

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # malloc.h of the GNU C library
KEPT_BYTES = 1 << 30


def keep_freed_memory() -> None:
    """Lets the C library reuse freed blocks of megabytes instead of returning them to the system.

    Every returned page costs a page fault, and is zeroed, when the next step asks for it: up to a fifth of a step. Only
    the GNU C library has the setting; others are left as they are.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(M_TRIM_THRESHOLD, KEPT_BYTES)
        mallopt(M_MMAP_THRESHOLD, KEPT_BYTES)


def ask_for_gpus_once() -> None:
    """Where there is no GPU, lets torch remember that.

    Most optimisers ask in every step, and Lightning has made torch ask NVIDIA's management library, which is loaded
    anew each time, 0.08 ms and more, so that the answer leaves no trace of CUDA in forked processes. No GPU, no trace.
    """
    if not torch.cuda.is_available():
        os.environ.pop("PYTORCH_NVML_BASED_CUDA_CHECK", None)

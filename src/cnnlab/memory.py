"""Memory that a step has freed stays with the process, for the next step."""

import ctypes

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

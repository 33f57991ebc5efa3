"""Our own kernels for CPUs, in C: convolutions and poolings with the batch innermost in memory.

They are compiled for the processor when they are first used. Where that cannot be done, on GPUs, and with
`kernels=torch`, torch's own kernels are used.
"""

from cnnlab.kernels.functions import conv2d, suits
from cnnlab.kernels.library import available, choose

__all__ = ["available", "choose", "conv2d", "suits"]

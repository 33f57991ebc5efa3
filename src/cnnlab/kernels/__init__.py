"""Our own kernels for CPUs, in C: convolutions with the batch innermost in memory, and dropout.

They are compiled for the processor when they are first used. Where that cannot be done, on GPUs, and with
`kernels=torch`, torch's own kernels are used.
"""

from cnnlab.kernels.functions import can_convolve, can_take, conv2d, dropout_mask
from cnnlab.kernels.library import available, choose

__all__ = ["available", "can_convolve", "can_take", "choose", "conv2d", "dropout_mask"]

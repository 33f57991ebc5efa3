"""Our own kernels for CPUs, in C, for images with the batch innermost in memory.

They are compiled for the processor when they are first used. Where that cannot be done, on GPUs, and with
`kernels=torch`, torch's own kernels are used.
"""

from cnnlab.kernels.avg_pool import avg_pool2d
from cnnlab.kernels.batch_norm import batch_norm
from cnnlab.kernels.convolution import can_convolve, conv2d
from cnnlab.kernels.dropout import dropout_mask
from cnnlab.kernels.library import available, can_take, choose, preload
from cnnlab.kernels.max_pool import max_pool2d
from cnnlab.kernels.memory import is_batch_innermost

__all__ = [
    "available",
    "avg_pool2d",
    "batch_norm",
    "can_convolve",
    "can_take",
    "choose",
    "conv2d",
    "dropout_mask",
    "is_batch_innermost",
    "max_pool2d",
    "preload",
]

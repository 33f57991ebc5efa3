"""The random masks of dropout."""

import torch

from cnnlab.kernels.library import library, with_real_numbers


@with_real_numbers
def dropout_mask(like: torch.Tensor, p: float) -> torch.Tensor:
    """Random zeros, with probability p, and 1/(1-p) elsewhere; a function of the default generator's state.

    Args:
        like: What the mask is for, on the CPU; the mask has its shape, type and layout.
        p: From 0 to 1.

    Reference:
        Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", 2011: Philox4x32-10.
    """
    mask = torch.empty_like(like)
    kernels = library(mask.dtype)
    assert kernels is not None
    key = torch.empty((), dtype=torch.int64, device="cpu").random_().item()
    kernels.dropout_mask(mask.data_ptr(), mask.numel(), key, p)
    return mask

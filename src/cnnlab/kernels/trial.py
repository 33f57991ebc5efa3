"""python trial.py LIBRARY DTYPE: whether a library that was just compiled computes what torch does.

That is a process of its own, since code that was compiled wrongly may crash or hang.
"""

import ctypes
import itertools
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

CANNOT_LOAD = 3  # the exit code
EPSILON = 1e-5
TOLERANCE = 0.02  # what is compiled wrongly is far off


def main(path: Path, dtype_name: str) -> None:
    """Ends with an exit code and what is wrong, unless all is right."""
    try:
        ctypes.CDLL(str(path))  # first, since torch takes a second
    except OSError as error:
        print(str(error).removeprefix(f"{path}: "), file=sys.stderr)
        sys.exit(CANNOT_LOAD)
    import torch

    from cnnlab.kernels import library

    torch.set_num_threads(1)
    torch.manual_seed(0)
    dtype = getattr(torch, dtype_name)
    library.use(path, dtype)
    for size, channels, padding, is_pooled in itertools.product((3, 5), (3, 20), (0, 1), (False, True)):
        shapes = (19, channels, 13, 12), (22, channels, size, size), (22,)
        if not _is_right([torch.randn(shape, dtype=dtype) for shape in shapes], padding, is_pooled):
            sys.exit("what it compiled computes other numbers than torch")
    if not (_keeps_nan(dtype) and _drops_half(dtype)):
        sys.exit("what it compiled loses NaN, or draws other random numbers")


def _is_right(inputs: "list[torch.Tensor]", padding: int, is_pooled: bool) -> bool:
    """Whether a convolution, its normalisation, the pooling of that, and their gradients are torch's in float64."""
    import torch

    found = []
    for convolve, dtype in ((_in_ours, inputs[0].dtype), (_in_torch, torch.float64)):
        learned = [each.to(dtype).requires_grad_() for each in inputs]
        maps, pooled = convolve(learned, padding, is_pooled)
        loss = maps.sin().sum() + pooled.sin().sum()
        found.append([maps, pooled, *torch.autograd.grad(loss, learned)])
    return all(
        torch.allclose(ours.double(), theirs, rtol=TOLERANCE, atol=TOLERANCE)
        for ours, theirs in zip(*found, strict=True)
    )


def _keeps_nan(dtype: "torch.dtype") -> bool:
    """Whether pooling takes NaN for the largest number, and ReLU keeps it: what compilers may optimise away."""
    import torch

    from cnnlab import kernels

    images = torch.randn(19, 3, 8, 8, dtype=dtype)
    images[4, 1, 2, 3] = torch.nan
    weight = torch.ones(3, 3, 3, 3, dtype=dtype)
    pooled = kernels.max_pool2d(images).isnan()
    convolved = kernels.conv2d(images, weight, None, is_pooled=True, is_rectified=True).isnan()
    is_kept = bool(convolved[4, :, :2, :2].any() and not convolved[5].any())
    return is_kept and pooled.nonzero().tolist() == [[4, 1, 1, 1]]


def _drops_half(dtype: "torch.dtype") -> bool:
    """Whether dropout's mask has as many zeros and twos as chance allows."""
    import torch

    from cnnlab import kernels

    mask = kernels.dropout_mask(torch.empty(10_000, dtype=dtype), 0.5)
    return mask.unique().tolist() == [0, 2] and abs(mask.mean().item() - 1) < 0.1


def _in_ours(inputs: "list[torch.Tensor]", padding: int, is_pooled: bool) -> "tuple[torch.Tensor, torch.Tensor]":
    from cnnlab import kernels

    images, weight, bias = inputs
    maps = kernels.conv2d(images, weight, bias, padding, is_pooled=is_pooled)
    return maps, kernels.max_pool2d(kernels.batch_norm(maps, bias, bias, EPSILON, is_rectified=True)[0])


def _in_torch(inputs: "list[torch.Tensor]", padding: int, is_pooled: bool) -> "tuple[torch.Tensor, torch.Tensor]":
    from torch.nn import functional

    images, weight, bias = inputs
    maps = functional.conv2d(images, weight, bias, padding=padding)
    maps = functional.max_pool2d(maps, 2) if is_pooled else maps
    normalised = functional.batch_norm(maps, None, None, bias, bias, training=True, eps=EPSILON)
    return maps, functional.max_pool2d(normalised.relu(), 2)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])

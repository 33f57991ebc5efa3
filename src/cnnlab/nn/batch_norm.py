"""Batch norm with our kernel where possible, and its running statistics for weights that no training step has seen."""

from collections.abc import Iterable

import torch
from torch import nn
from torch.nn import functional
from torch.nn.utils.parametrize import is_parametrized

from cnnlab import kernels
from cnnlab.nn.modes import evaluation_mode

NUM_BATCHES = 50  # as many as schedule-free's authors take


class BatchNorm2d(nn.BatchNorm2d):
    """torch's layer, with our kernel for images with the batch innermost in memory (`cnnlab.kernels`)."""

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """The normalised images (N, C, H, W)."""
        if self._can_use_kernel(images):
            return self._normalise(images, is_rectified=False) if self.training else self._scale(images)
        return super().forward(images)

    def rectified(self, images: torch.Tensor) -> torch.Tensor:
        """ReLU of the normalised images (N, C, H, W)."""
        if self.training and self._can_use_kernel(images):
            return self._normalise(images, is_rectified=True)
        return functional.relu(self.forward(images))

    def _can_use_kernel(self, images: torch.Tensor) -> bool:
        if not (self.track_running_stats and self.affine and self.bias is not None and not is_parametrized(self)):
            return False
        return (
            kernels.can_take(images, self.weight, self.bias)
            and kernels.is_batch_innermost(images)
            and images.shape[1:2] == self.weight.shape == self.bias.shape == (self.num_features,)
            and images.numel() > self.num_features  # of one number there is no variance: torch explains it
        )

    def _normalise(self, images: torch.Tensor, *, is_rectified: bool) -> torch.Tensor:
        normalised, mean, variance = kernels.batch_norm(
            images, self.weight, self.bias, self.eps, is_rectified=is_rectified
        )
        assert self.running_mean is not None
        assert self.running_var is not None
        assert self.num_batches_tracked is not None
        self.num_batches_tracked.add_(1)
        momentum = 1 / int(self.num_batches_tracked) if self.momentum is None else self.momentum
        count = images.numel() // self.num_features
        self.running_mean.lerp_(mean, momentum)
        self.running_var.lerp_(variance * (count / (count - 1)), momentum)  # the unbiased estimate
        return normalised

    def _scale(self, images: torch.Tensor) -> torch.Tensor:
        assert self.running_mean is not None
        assert self.running_var is not None
        scale = self.weight / (self.running_var + self.eps).sqrt()
        shift = self.bias - self.running_mean * scale
        return torch.addcmul(shift[:, None, None], images, scale[:, None, None])


def has_running_statistics(network: nn.Module) -> bool:
    """Whether a network has layers that evaluate with statistics which they collect in training."""
    return any(True for _ in _norms(network))


def recompute_running_statistics(network: nn.Module, images: torch.Tensor) -> None:
    """Replaces the running means and variances by those of the given images under the present weights.

    Running statistics belong to the weights that collected them. An average of weights needs its own: an average of
    statistics is not the statistics of the average. They are the mean over batches, as in
    `torch.optim.swa_utils.update_bn`, but everything else is as in evaluation: no dropout, and each member of a
    committee sees all images. So they are a function of weights and images alone, the same in every process, and no
    random number is drawn.

    Args:
        network: Changed in place; its layers' modes are restored.
        images: (N, C, H, W), on the network's device, in any order.

    Reference:
        Izmailov et al., "Averaging weights leads to wider optima and better generalization", 2018, section 3.2.
    """
    norms = list(_norms(network))
    if not norms:
        return
    momenta = {norm: norm.momentum for norm in norms}
    with evaluation_mode(network), torch.no_grad():
        for norm in norms:
            norm.reset_running_stats()  # type: ignore[operator]
            norm.momentum = None  # type: ignore[assignment]  # the mean over all batches
            norm.train()
        try:
            for batch in _batches(images):
                network(batch)
        finally:
            for norm, momentum in momenta.items():
                norm.momentum = momentum


def _norms(network: nn.Module) -> Iterable[nn.Module]:
    return (
        module
        for module in network.modules()
        if isinstance(getattr(module, "running_mean", None), torch.Tensor) and hasattr(module, "reset_running_stats")
    )


def _batches(images: torch.Tensor) -> Iterable[torch.Tensor]:
    """Each batch from all over the images, which may be sorted by class."""
    num_batches = min(NUM_BATCHES, len(images))
    return (images[first::num_batches] for first in range(num_batches))

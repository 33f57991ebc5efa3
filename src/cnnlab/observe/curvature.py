"""How sharply the loss curves at a network's weights, against what its learning rate bears."""

import math
import warnings

import numpy as np
import torch
from scipy.sparse.linalg import ArpackError, LinearOperator, eigsh
from torch import nn

from cnnlab.errors import UserError
from cnnlab.nn.modes import evaluation_mode
from cnnlab.observe.loss_surface import Loss

TOLERANCE = 1e-3  # of the eigenvalue, relative: float32 products have about 1e-6
MAX_RESTARTS = 200  # of Lanczos' method, some twenty products each; a dozen are usual


def largest_eigenvalue(network: nn.Module, loss: Loss, images: torch.Tensor, labels: torch.Tensor) -> float:
    """The largest eigenvalue of the loss's Hessian in all parameters, in evaluation mode: the sharpness.

    By Lanczos' method on products with the Hessian, which is never stored. With dropout off, so that it is a function
    of the weights; a network that trains with dropout sees another loss.

    Args:
        network: Images to logits; its weights, gradients and modes are left as they are.
        loss: Logits and labels to a scalar, the mean over images.
        images: (N, C, H, W).
        labels: (N,).

    Returns:
        nan if the method does not converge, as where the loss is not finite.

    Raises:
        UserError: If curvlinops is not installed.

    Reference:
        F. Dangel, R. Eschenhagen, W. Ormaniec, A. Fernandez, L. Tatzel, A. Kristiadi, Position: curvature matrices
        should be democratized via linear operators, 2025.
    """
    with warnings.catch_warnings(), evaluation_mode(network), torch.enable_grad():
        warnings.filterwarnings("ignore", "`torch.jit.script` is deprecated")  # used by curvlinops and by torch
        hessian = _hessian(network, loss, images, labels)
        start = np.random.default_rng(0).standard_normal(hessian.shape[0])
        try:  # LA: the largest, not that of the largest modulus
            (found,) = eigsh(
                hessian, 1, which="LA", v0=start, tol=TOLERANCE, maxiter=MAX_RESTARTS, return_eigenvectors=False
            )
        except ArpackError:
            return math.nan
    return float(found)


def _hessian(network: nn.Module, loss: Loss, images: torch.Tensor, labels: torch.Tensor) -> LinearOperator:
    try:
        from curvlinops import HessianLinearOperator
    except ImportError:
        raise UserError("the Hessian needs curvlinops; install cnnlab[lecture]") from None
    parameters = [parameter for parameter in network.parameters() if parameter.requires_grad]
    operator = HessianLinearOperator(network, _Mean(loss), parameters, [(images, labels)], check_deterministic=False)
    return operator.to_scipy()


class _Mean(nn.Module):
    """A loss as curvlinops wants it: a module that says that it is a mean."""

    reduction = "mean"

    def __init__(self, loss: Loss) -> None:
        super().__init__()
        self.loss = loss

    def forward(self, logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        return self.loss(logits, labels)


def largest_stable_eigenvalue(learning_rate: float, momentum: float = 0.0) -> float:
    """2(1 + β)/η: with a larger λ, gradient descent jumps out of the valley along the sharpest direction.

    On a parabola of curvature λ, a step multiplies the distance to the minimum by 1 - ηλ, whose modulus exceeds 1 for λ
    above 2/η. Training by whole batches drives λ up to there and stays ("edge of stability"); with small batches it
    stays below.

    Args:
        learning_rate: η.
        momentum: β of heavy-ball momentum.

    Reference:
        J. Cohen, S. Kaur, Y. Li, J. Kolter, A. Talwalkar, Gradient descent on neural networks typically occurs at the
        edge of stability, 2021, sections 2 and 3.
    """
    return 2 * (1 + momentum) / learning_rate

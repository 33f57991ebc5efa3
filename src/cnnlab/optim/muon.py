"""Muon where it applies and AdamW elsewhere, as one optimiser."""

import math
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import nn
from torch.optim import AdamW, Optimizer

from cnnlab.errors import UserError
from cnnlab.nn.places import NetworkParameters, hidden_weights

COEFFICIENTS = (3.4445, -4.775, 2.0315)  # Jordan's
NUM_ITERATIONS = 5


class MuonAdamW(Optimizer):
    """Muon for the hidden weights, AdamW for everything else.

    Which weights are hidden is a matter of their place: all but those of the input layer and the output layer, "for a
    ConvNet … all the convolutional filters except the first one, and AdamW to optimize everything else" (Jordan's
    README). A convolution's filters (out, in, k, k) are the rows of an (out, in·k·k) matrix.

    Muon's steps have a root mean square of 0.2·lr, about AdamW's, so that one `lr` and one `weight_decay` serve both:
    an orthogonal (m, n) matrix is scaled by 0.2·√max(m, n). Jordan's own lr is the step's spectral norm instead.

    Args:
        params: The network's parameters; a plain iterable is taken for one network's, in the order of its layers.
        lr: Learning rate of both.
        weight_decay: Decoupled weight decay of both.
        momentum: Muon's.

    Raises:
        UserError: If there is no hidden weight.

    Reference:
        Jordan et al., "Muon: an optimizer for hidden layers in neural networks", 2024, and
        github.com/KellerJordan/Muon; Liu et al., "Muon is scalable for LLM training", 2025, eq. 4 (the scale).
    """

    def __init__(
        self,
        params: Iterable[nn.Parameter],
        lr: float = 0.003,
        weight_decay: float = 0.01,
        momentum: float = 0.95,
    ) -> None:
        weights: list[nn.Parameter] = list(params)
        hidden = params.hidden_weights if isinstance(params, NetworkParameters) else hidden_weights(weights)
        if not hidden:
            raise UserError(
                "optimizer=muon needs weights between the input layer's and the output layer's, but this model has "
                "none; use optimizer=adamw"
            )
        rest = [parameter for parameter in weights if all(parameter is not other for other in hidden)]
        groups: list[dict[str, Any]] = [{"params": hidden, "momentum": momentum}, {"params": rest}]
        super().__init__(groups, {"lr": lr, "weight_decay": weight_decay})
        self._adamw = AdamW(rest, fused=True)

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:  # type: ignore[override]
        """Steps both optimisers."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        hidden, rest = self.param_groups
        for weight in hidden["params"]:
            if weight.grad is not None:
                self._muon_step(weight, hidden["lr"], hidden["weight_decay"], hidden["momentum"])
        self._adamw.param_groups[0].update(lr=rest["lr"], weight_decay=rest["weight_decay"])
        self._adamw.step()
        return loss

    def _muon_step(self, weight: nn.Parameter, lr: float, weight_decay: float, momentum: float) -> None:
        assert weight.grad is not None
        gradient, state = weight.grad.flatten(1), self.state[weight]
        if not state:
            state["momentum_buffer"] = torch.zeros_like(gradient)
        average = state["momentum_buffer"].lerp_(gradient, 1 - momentum)
        update = orthogonalise(gradient.lerp(average, momentum))  # Nesterov's
        scale = 0.2 * math.sqrt(max(update.shape))
        weight.mul_(1 - lr * weight_decay).add_(update.view_as(weight), alpha=-lr * scale)

    def state_dict(self) -> dict[str, Any]:
        """The hyperparameters, and each part's state."""
        return {**super().state_dict(), "adamw": self._adamw.state_dict()}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Restores both optimisers.

        Raises:
            UserError: If the state is of another network, or of a version that divided its weights differently.
        """
        try:
            self._adamw.load_state_dict(state_dict["adamw"])
            super().load_state_dict({name: state_dict[name] for name in ("state", "param_groups")})
        except ValueError as error:
            raise UserError(
                "the checkpoint's optimizer=muon has other hidden weights, of another version of cnnlab; resume it "
                "with that version, or start a new run"
            ) from error


def orthogonalise(matrix: torch.Tensor) -> torch.Tensor:
    """The matrix (m, n) with all singular values near 1, about 0.7 to 1.2, by five Newton-Schulz iterations.

    In bfloat16, as published, on accelerators; in the matrix's own precision on a CPU, where torch.optim.Muon, which
    always takes bfloat16, needs ten times as long.

    An iteration is X ← PX with P = aI + bG + cG² and G = XXᵀ, and so G ← PGP. On a CPU a wide X is left out of the
    iterations: with the product Q of all P, the result is QX.
    """
    is_tall = matrix.shape[0] > matrix.shape[1]
    wide = matrix.t() if is_tall else matrix
    wide = wide if matrix.device.type == "cpu" else wide.bfloat16()  # too coarse for G to be carried along
    wide = wide / wide.norm().clamp(min=1e-7)
    height, width = wide.shape
    is_cheaper = width > 1.5 * height  # 17·m³ + 2·m²n multiplications instead of 5·m³ + 10·m²n
    wide = _by_gram(wide) if is_cheaper and matrix.device.type == "cpu" else _iterate(wide)
    return (wide.t() if is_tall else wide).to(matrix.dtype)


def _iterate(wide: torch.Tensor) -> torch.Tensor:
    a, b, c = COEFFICIENTS
    for _ in range(NUM_ITERATIONS):
        gram = wide @ wide.t()
        wide = torch.addmm(wide, torch.addmm(gram, gram, gram, beta=b, alpha=c), wide, beta=a)
    return wide


def _by_gram(wide: torch.Tensor) -> torch.Tensor:
    a, b, c = COEFFICIENTS
    gram, product = wide @ wide.t(), None
    for iteration in range(NUM_ITERATIONS):
        polynomial = torch.addmm(gram, gram, gram, beta=b, alpha=c)
        polynomial.diagonal().add_(a)
        product = polynomial if product is None else polynomial @ product
        if iteration < NUM_ITERATIONS - 1:
            gram = polynomial @ gram @ polynomial
    assert product is not None
    return product @ wide

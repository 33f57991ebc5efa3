"""Adagrad as the lecture writes it."""

from collections.abc import Callable, Iterable

import torch
from torch import nn
from torch.optim import Optimizer


class LectureAdagrad(Optimizer):
    """Adagrad with ε inside the root.

    For a weight w with gradient g in step t:

        Gₜ = Gₜ₋₁ + gₜ²,  wₜ₊₁ = wₜ - lr · gₜ / √(Gₜ + ε)

    `torch.optim.Adagrad` divides by √Gₜ + ε instead, as Duchi et al. do. Inside the root, ε counts as √ε, here 1e-4
    against torch's 1e-10: weights with smaller gradients move less.

    Args:
        params: The parameters.
        lr: Learning rate.
        eps: ε, at least 0.
        weight_decay: Added to the gradient, times the weight.

    Raises:
        ValueError: If `eps` is negative.

    Reference:
        Ruder, "An overview of gradient descent optimization algorithms", 2016, eq. 20; Duchi, Hazan and Singer,
        "Adaptive subgradient methods for online learning and stochastic optimization", 2011, figure 1.
    """

    def __init__(
        self, params: Iterable[nn.Parameter], lr: float = 0.01, eps: float = 1e-8, weight_decay: float = 0.0
    ) -> None:
        if not eps >= 0:
            raise ValueError(f"eps={eps} is not allowed; it must be a number >= 0")
        super().__init__(params, {"lr": lr, "eps": eps, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:  # type: ignore[override]
        """Updates every parameter that has a gradient."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            for weight in group["params"]:
                if weight.grad is not None:
                    self._update(weight, group["lr"], group["eps"], group["weight_decay"])
        return loss

    def _update(self, weight: nn.Parameter, lr: float, eps: float, weight_decay: float) -> None:
        assert weight.grad is not None
        gradient = weight.grad.add(weight, alpha=weight_decay) if weight_decay else weight.grad
        state = self.state[weight]
        if not state:
            state["sum"] = torch.zeros_like(weight)
        squares = state["sum"].addcmul_(gradient, gradient)
        weight.addcdiv_(gradient, squares.add(eps).sqrt_(), value=-lr)

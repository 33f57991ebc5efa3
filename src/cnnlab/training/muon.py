"""Muon where it applies and AdamW elsewhere, as one optimiser."""

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import nn
from torch.optim import AdamW, Optimizer

from cnnlab.errors import UserError


class MuonAdamW(Optimizer):
    """Muon for the hidden layers' weights, AdamW for everything else.

    A convolution's filters (out, in, k, k) are the rows of an (out, in·k·k) matrix. The last weight in the order of the
    parameters is the output layer's and goes to AdamW with the biases. Muon's steps are scaled to AdamW's root mean
    square, so that one `lr` and one `weight_decay` serve both.

    Args:
        params: The network's parameters, in order.
        lr: Learning rate of both.
        weight_decay: Decoupled weight decay of both.
        momentum: Muon's.

    Raises:
        UserError: If there is no hidden weight, or torch is older than Muon (2.9).

    Reference:
        Jordan et al., "Muon: an optimizer for hidden layers in neural networks", 2024; Liu et al., "Muon is
        scalable for LLM training", 2025, eq. 4 (the scale).
    """

    def __init__(
        self,
        params: Iterable[nn.Parameter],
        lr: float = 0.003,
        weight_decay: float = 0.01,
        momentum: float = 0.95,
    ) -> None:
        if not hasattr(torch.optim, "Muon"):
            raise UserError(f"optimizer=muon needs torch 2.9 or newer, found {torch.__version__}; pip install -U torch")
        weights: list[nn.Parameter] = list(params)
        hidden = [parameter for parameter in weights if parameter.ndim >= 2][:-1]
        if not hidden:
            raise UserError("optimizer=muon needs a hidden layer, and this model has none; take optimizer=adamw")
        rest = [parameter for parameter in weights if all(parameter is not other for other in hidden)]
        groups: list[dict[str, Any]] = [{"params": hidden, "momentum": momentum}, {"params": rest}]
        super().__init__(groups, {"lr": lr, "weight_decay": weight_decay})
        self._matrices = [nn.Parameter(weight.detach().view(len(weight), -1)) for weight in hidden]  # shared storage
        self._muon = torch.optim.Muon(self._matrices, adjust_lr_fn="match_rms_adamw")
        self._adamw = AdamW(rest)

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:  # type: ignore[override]
        """One step of both."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for weight, matrix in zip(self.param_groups[0]["params"], self._matrices, strict=True):
            matrix.grad = None if weight.grad is None else weight.grad.reshape(matrix.shape)
        for group, part in zip(self.param_groups, (self._muon, self._adamw), strict=True):
            part.param_groups[0].update({name: value for name, value in group.items() if name != "params"})
            part.step()
        return loss

    def state_dict(self) -> dict[str, Any]:
        """The hyperparameters, and each part's state."""
        return {**super().state_dict(), "muon": self._muon.state_dict(), "adamw": self._adamw.state_dict()}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Restores all three."""
        self._muon.load_state_dict(state_dict["muon"])
        self._adamw.load_state_dict(state_dict["adamw"])
        super().load_state_dict({name: state_dict[name] for name in ("state", "param_groups")})

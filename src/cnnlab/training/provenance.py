"""Which experiment a checkpoint belongs to."""

from typing import Any

from lightning import Callback


class Provenance(Callback):
    """Keeps the values that can change a run's numbers in its checkpoints.

    Args:
        numeric: `cnnlab.config.numeric_params` of the run.
    """

    state_key = "Provenance"

    def __init__(self, numeric: dict[str, Any]) -> None:
        self.numeric = numeric

    def state_dict(self) -> dict[str, Any]:
        """The values."""
        return {"numeric": self.numeric}

"""Checks what an earlier search has left in its study, before Optuna unpickles it."""

import io
import pickle
from collections.abc import Iterable
from typing import Any

from optuna.trial import FrozenTrial

from cnnlab.errors import UserError

SAMPLERS = ("cma", "sepcma", "cmawm")  # whose state Optuna keeps in a trial's system attributes, pickled
PARTS = {
    *(("cmaes._cma", "CMA"), ("cmaes._sepcma", "SepCMA"), ("cmaes._cmawm", "CMAwM")),
    *(("numpy", "dtype"), ("numpy", "ndarray")),
    *((f"numpy.{core}.multiarray", name) for core in ("core", "_core") for name in ("_reconstruct", "scalar")),
}


def check_sampler_state(trials: Iterable[FrozenTrial]) -> None:
    """Rejects trials whose sampler's state is more than numbers: the journal may be a stranger's.

    Args:
        trials: Of a study that exists.

    Raises:
        UserError: If unpickling it could run code.
    """
    for trial in trials:
        for sampler in SAMPLERS:
            try:
                _load(trial.system_attrs, f"{sampler}:optimizer")
            except Exception as error:  # by the unpickler, of any type
                raise UserError(
                    f"trial {trial.number} of the study holds something other than a sampler's state ({error}); "
                    "choose another sweep.name"
                ) from None


def _load(attributes: dict[str, Any], key: str) -> None:
    num_pieces = sum(name.startswith(key) for name in attributes)
    if num_pieces:
        text = "".join(attributes[f"{key}:{number}"] for number in range(num_pieces))
        _PlainUnpickler(io.BytesIO(bytes.fromhex(text))).load()


class _PlainUnpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in PARTS:
            raise pickle.UnpicklingError(f"{module}.{name}")
        return super().find_class(module, name)

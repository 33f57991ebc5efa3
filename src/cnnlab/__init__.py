"""cnnlab: what makes a small convolutional network learn?

`RunFolder("outputs/runs/…")` reads a run: its status, config and result. All else is done by the command line.
"""

import importlib
from typing import TYPE_CHECKING, Any

from cnnlab.environment import drop_unusable_backend

if TYPE_CHECKING:
    from cnnlab.errors import UserError
    from cnnlab.run.folder import RunFolder
    from cnnlab.run.status import Status

    __version__: str

__all__ = ["RunFolder", "Status", "UserError", "__version__"]
_HOMES = {"RunFolder": "cnnlab.run.folder", "Status": "cnnlab.run.status", "UserError": "cnnlab.errors"}


def __getattr__(name: str) -> Any:
    """Imports on first use: the command line handles signals (`cli/start.py`) before anything that takes time."""
    if name == "__version__":
        return importlib.import_module("importlib.metadata").version("cnnlab")
    if name in _HOMES:
        return getattr(importlib.import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'cnnlab' has no attribute {name!r}")


drop_unusable_backend()  # before anything imports Matplotlib

"""cnnlab: what makes a small convolutional network learn?

`RunFolder("outputs/runs/…")` reads a run: its status, config and result. All else is done by the command line.
"""

from importlib.metadata import version

import cnnlab.experiment.targets  # noqa: F401  what a recorded config may read from the environment
from cnnlab.errors import UserError
from cnnlab.run.folder import RunFolder
from cnnlab.run.status import Status

__all__ = ["RunFolder", "Status", "UserError", "__version__"]
__version__ = version("cnnlab")

"""Packages that only some sweeps need."""

import importlib.util

from cnnlab.errors import UserError
from cnnlab.program import install_command


def require(extra: str, package: str) -> None:
    """Raises an error if an optional package is not installed.

    Args:
        extra: cnnlab's extra that installs it.
        package: The package's import name.

    Raises:
        UserError: If it is not installed.
    """
    if importlib.util.find_spec(package) is None:
        raise UserError(f"{extra} needs the package {package}; install it: {install_command(extra)}")

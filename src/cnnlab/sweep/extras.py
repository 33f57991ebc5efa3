"""Packages that only some sweeps need."""

import importlib.util

from cnnlab.errors import UserError


def require(extra: str, package: str) -> None:
    """Refuses to go on without a package.

    Args:
        extra: cnnlab's, which installs it.
        package: Its name, as imported.

    Raises:
        UserError: If it is not installed.
    """
    if importlib.util.find_spec(package) is None:
        raise UserError(f'{extra} needs the package {package}: pip install -e ".[{extra}]"')

"""What the user trusts by name: packages that a config may build from, and environment variables that it may read."""

import os
import re
import sys

from cnnlab.errors import UserError

TRUST = "CNNLAB_TRUST"  # environment variable: packages whose classes and functions a config may build
TRUST_ENVIRONMENT = "CNNLAB_TRUST_ENV"  # environment variable: further variables that a config may read
# The allowlist has a part of these. All of such a library would be torch.load, which runs any code that a file holds.
LISTED_IN_PART = ("builtins", "cnnlab", "hydra", "lightning", "optuna", "pytorch_optimizer", "torch")
PLUGINS = "hydra_plugins"  # a namespace: each package in it is somebody else's
OWN_PLUGINS = f"{PLUGINS}.cnnlab_plugins"


def trust(packages: str) -> None:
    """Trusts packages, for this process and those that it starts.

    Args:
        packages: Their names, separated by commas or colons.

    Raises:
        UserError: If one is not a package's name, or the name of a library that must not be trusted as a whole.
    """
    names = _split(packages)
    wrong = [name for name in names if not re.fullmatch(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*", name)]
    if wrong or not names:
        raise UserError(f"trust={packages} is not allowed; it must be the names of packages, such as trust=mypackage")
    _check(names, f"trust={packages}")
    os.environ[TRUST] = ",".join(dict.fromkeys([*trusted(), *names]))


def trusted() -> list[str]:
    """The packages that the user trusts.

    Raises:
        UserError: If the environment names a library that must not be trusted as a whole.
    """
    names = _split(os.environ.get(TRUST, ""))
    _check(names, f"{TRUST}={os.environ.get(TRUST)}")
    return names


def is_trusted(name: str) -> bool:
    """Whether a dotted name belongs to a trusted package."""
    return any(name == package or name.startswith(f"{package}.") for package in trusted())


def advice(target: str) -> str:
    """How to allow a target that is not listed: the end of a message, empty if it cannot be allowed.

    Args:
        target: The dotted name.
    """
    package, _, rest = target.partition(".")
    if package == PLUGINS:
        package = f"{PLUGINS}.{rest.partition('.')[0]}"
    if package == __name__.partition(".")[0]:
        return "; this version of cnnlab has no such part: use the version that wrote the config, or start a new run"
    if not package.replace(".", "").isidentifier() or package in sys.stdlib_module_names:
        return ""
    if reason := _why_not(package):
        return f"; {reason}"
    return (
        f"; if a config may call all code of {package}, with any argument, add trust={package} to the command, or set "
        f"{TRUST}={package}"
    )


def trust_typed_variables(arguments: list[str]) -> None:
    """Lets configs read the environment variables that the user's own command line reads."""
    typed = [name for text in arguments for name in re.findall(r"oc\.env:\s*['\"]?([A-Za-z_]\w*)", text)]
    if typed:
        known = _split(os.environ.get(TRUST_ENVIRONMENT, ""))
        os.environ[TRUST_ENVIRONMENT] = ",".join(dict.fromkeys([*known, *typed]))


def is_readable_variable(name: str) -> bool:
    """Whether the user lets configs read an environment variable."""
    return name in _split(os.environ.get(TRUST_ENVIRONMENT, ""))


def _check(names: list[str], typed: str) -> None:
    for name in names:
        if reason := _why_not(name):
            raise UserError(f"{typed} is not allowed: {reason}")


def _why_not(package: str) -> str:
    """Why a package must not be trusted, and what to do; empty if it may be."""
    root = package.partition(".")[0]
    if root in LISTED_IN_PART or package == PLUGINS or f"{package}.".startswith(f"{OWN_PLUGINS}."):
        return (
            f"{root} cannot be trusted beyond what docs/security.md lists, since a config could then run anything; "
            "use it in code of your own, and trust that: trust=mypackage"
        )
    if root in sys.stdlib_module_names:
        return f"{root} is in Python's standard library, with which a config could run anything; trust your own package"
    return ""


def _split(names: str) -> list[str]:
    return [name for name in re.split(r"[,:;\s]+", names) if name]

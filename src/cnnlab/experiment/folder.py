"""Where the config groups are."""

from pathlib import Path

import cnnlab


def config_folder() -> Path:
    """The folder of the config groups: in the installed package, or at the top of the repository."""
    package = Path(cnnlab.__file__).parent
    installed = package / "conf"
    return installed if installed.is_dir() else package.parents[1] / "conf"

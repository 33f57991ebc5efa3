"""Reads the YAML files that Hydra leaves in a run folder, which may be damaged, or somebody else's."""

import io
from pathlib import Path
from typing import Any

import yaml
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from cnnlab.files import read_file

MAX_BYTES = 1 << 18  # Hydra's own have some kilobytes; PyYAML takes seconds for these


class RecordError(ValueError):
    """A record that cannot be read; the text is the reason, on one line."""


def read_record(path: Path) -> Any:
    """The config in a YAML file; nothing in it can make this hang or take much memory.

    Args:
        path: The file.

    Raises:
        RecordError: If it is missing or damaged, or is more than Hydra writes.
    """
    try:
        text = read_file(path, MAX_BYTES).decode()
        # an alias stands for a whole node: nine lines of them can stand for a thousand million nodes
        if "&" in text and "*" in text and any(isinstance(event, yaml.AliasEvent) for event in yaml.parse(text)):
            raise RecordError("it has YAML aliases, which Hydra does not write")
        return OmegaConf.load(io.StringIO(text))
    except OSError as error:
        reason: object = error.strerror
    except RecursionError:
        reason = "it is nested too deeply"
    except (ValueError, TypeError, yaml.YAMLError, OmegaConfBaseException) as error:
        reason = error
    raise RecordError(" ".join(str(reason).split()))

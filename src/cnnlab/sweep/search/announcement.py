"""What the runs of a search are told of it."""

import json
import os
from dataclasses import asdict, dataclass
from typing import Any

from cnnlab.sweep.engines.node import SEARCH


@dataclass(frozen=True)
class Announcement:
    """Passed on as an environment variable: a database's URL may hold a password, which no run folder may.

    Attributes:
        storage: A database's URL, or a journal file's path.
        study: The study's name.
        metric: What is reported after an epoch.
        pruner: One of `optuna.pruners`, as a config.
    """

    storage: str
    study: str
    metric: str
    pruner: dict[str, Any]

    def publish(self) -> None:
        """Tells all processes that are started from now on."""
        os.environ[SEARCH] = json.dumps(asdict(self))

    @classmethod
    def read(cls) -> "Announcement | None":
        """What this process was told; None outside a search."""
        text = os.environ.get(SEARCH)
        return None if text is None else cls(**json.loads(text))

"""The study that a search's runs report to."""

import json
import os
from dataclasses import asdict, dataclass
from typing import Any

from cnnlab.errors import UserError
from cnnlab.sweep.engines.node import SEARCH_VARIABLE


@dataclass(frozen=True)
class StudyInfo:
    """Passed to the runs in an environment variable: a database URL may hold a password, which no run folder may.

    Attributes:
        storage: A database URL, or the path of a journal file.
        study: The study's name.
        metric: The metric that is reported after each epoch.
        pruner: The config of one of `optuna.pruners`.
    """

    storage: str
    study: str
    metric: str
    pruner: dict[str, Any]

    def publish(self) -> None:
        """Passes it to all processes that are started from now on."""
        os.environ[SEARCH_VARIABLE] = json.dumps(asdict(self))

    @classmethod
    def read(cls) -> "StudyInfo | None":
        """The study of this process; None outside a search.

        Raises:
            UserError: If somebody else has set the variable.
        """
        text = os.environ.get(SEARCH_VARIABLE)
        try:
            return None if text is None else cls(**json.loads(text))
        except (ValueError, TypeError):
            raise UserError(f"the environment variable {SEARCH_VARIABLE} is not a search's; unset it") from None

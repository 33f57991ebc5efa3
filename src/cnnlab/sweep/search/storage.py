"""Where the Optuna study of a search is: a journal in the sweep's folder, or a database."""

import os
import re
import sys
import time
import uuid
from pathlib import Path

import optuna
from optuna.storages import BaseStorage, JournalStorage, RDBStorage, get_storage

from cnnlab.errors import UserError
from cnnlab.files import read_text, write_atomically
from cnnlab.sweep.search.journal import WholeLines, repair

JOURNAL, ID = "study.journal", "study.id"
ID_FORMAT = re.compile("[0-9a-f]{32}")
DATABASE_WAIT_S = 30  # for a connection, or for another process's lock
TIMEOUTS = {  # a driver's argument for it
    "pysqlite": "timeout",
    **dict.fromkeys(("psycopg", "psycopg2", "pymysql", "mysqldb"), "connect_timeout"),
}
TABLE_CREATION_S = 2.0  # longer than creating a database's tables takes


def open_storage(text: str) -> BaseStorage:
    """Opens a database or a journal file, which processes on several machines may share.

    Args:
        text: A database URL, or the file's path.

    Raises:
        UserError: If it cannot be opened.
    """
    try:
        return _open_database(text) if "://" in text else JournalStorage(WholeLines(text))
    except UserError:
        raise
    except Exception as error:  # by SQLAlchemy, a driver or the system
        reason = in_words(error).replace(text, "…")  # it may hold a password
        if "://" not in text:
            raise UserError(
                f"{text} cannot be read ({type(error).__name__}: {reason}); restore a copy, or choose another "
                "sweep.name"
            ) from None
        raise UserError(
            f"hydra.sweeper.storage: {text.partition('://')[0]} cannot be opened ({type(error).__name__}: {reason}); "
            "correct the URL, or use null for a journal in the sweep's folder"
        ) from None


def _open_database(url: str) -> BaseStorage:
    """Opens a database; retries once, since another sweep may be creating the tables."""
    from sqlalchemy import create_engine, make_url  # here, since a journal needs no SQLAlchemy
    from sqlalchemy.exc import DBAPIError

    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite" and parsed.database in (None, "", ":memory:"):
        raise UserError(
            f"hydra.sweeper.storage={url} is a database in memory, which ends with this process; name a file, as in "
            "sqlite:///study.db, or use null for a journal in the sweep's folder"
        )
    create_engine(parsed).dispose()  # connects to nothing, but fails if the driver is missing
    if parsed.host:
        print(f"opening the study's database at {parsed.host}", file=sys.stderr, flush=True)
    driver = parsed.get_driver_name()
    options = {"connect_args": {TIMEOUTS[driver]: DATABASE_WAIT_S}} if driver in TIMEOUTS else {}
    try:
        return get_storage(RDBStorage(url, engine_kwargs=options))
    except DBAPIError:
        time.sleep(TABLE_CREATION_S)
        return get_storage(RDBStorage(url, engine_kwargs=options))


def storage_errors() -> tuple[type[Exception], ...]:
    """What a storage raises while it is used, if it is locked, unreachable or full."""
    from sqlalchemy.exc import SQLAlchemyError

    return optuna.exceptions.StorageInternalError, SQLAlchemyError


def in_words(error: Exception) -> str:
    """A storage's error on one line, without the statement and its values."""
    cause = error.__cause__ or error
    said = getattr(cause, "orig", None) or (cause.strerror if isinstance(cause, OSError) else None) or cause
    return " ".join(str(said).split())


class Storage:
    """The storage of a study.

    Args:
        url: A database URL; None for a journal file in the sweep's folder.
        folder: The sweep's folder.
    """

    def __init__(self, url: str | None, folder: Path) -> None:
        self.is_journal = url is None
        self.text = str(folder.resolve() / JOURNAL) if url is None else url
        self._id = folder / ID

    @property
    def is_new(self) -> bool:
        """Whether it certainly has no study yet."""
        return self.is_journal and not Path(self.text).exists()

    def open(self) -> BaseStorage:
        """Opens the storage; creates the file if there is none, and repairs it."""
        if self.is_journal:
            repair(Path(self.text))
        return open_storage(self.text)

    def owner(self) -> str:
        """The id of the sweep's folder, which owns its trials, even after a move: 32 hexadecimal digits."""
        try:
            known = read_text(self._id) if os.path.lexists(self._id) else ""
            if not ID_FORMAT.fullmatch(known):
                known = uuid.uuid4().hex
                write_atomically(self._id, known.encode())
        except OSError as error:
            raise UserError(f"{self._id} cannot be used ({error.strerror}); remove it") from None
        return known

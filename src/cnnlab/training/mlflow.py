"""MLflow: a run there for each run folder, which a resumed run continues."""

import contextlib
import io
import logging
import os
import re
import shlex
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from filelock import FileLock
from lightning.pytorch.loggers import MLFlowLogger
from PIL import Image

from cnnlab.errors import UserError, one_line
from cnnlab.training.run_logger import LoggedRun, RunLogger

log = logging.getLogger(__name__)

EXPERIMENT = "cnnlab"  # of runs that are in no sweep
TERMINAL = {"completed": "FINISHED", "interrupted": "KILLED", "pruned": "KILLED"}  # others have FAILED
STATUS_TAG = "cnnlab.status"  # the run's status in our words
CONNECT_S = 10
RETRIES = "MLFLOW_HTTP_REQUEST_MAX_RETRIES"  # MLflow's 7 retries take four minutes, and 3 a quarter of a minute
LOCK_S = 600
# that a database or an experiment is new, and each retry
NOISY = ("lightning.pytorch.loggers.mlflow", "mlflow.store.db.utils", "alembic", "urllib3.connectionpool")


class RunMLflow(RunLogger, MLFlowLogger):
    """Lightning's MLflow logger, whose run has the run folder's name and ends with the run's status.

    Args:
        earlier_id: The id of the run that an earlier process of a resumed run has logged to.
        arguments: As for `MLFlowLogger`.
    """

    def __init__(self, earlier_id: str | None = None, **arguments: Any) -> None:
        self.uri = str(arguments.get("tracking_uri") or "")
        for name in NOISY:
            logging.getLogger(name).setLevel(logging.ERROR)
        self._is_open = False
        self._metric_prefix = f"{arguments['prefix']}{self.LOGGER_JOIN_CHAR}" if arguments.get("prefix") else ""
        self._logged: set[tuple[str, int]] = set()  # metrics and steps of earlier processes
        _check_reachable(self.uri)
        with _database_lock(self.uri):
            if earlier_id is not None and arguments.get("run_id") is None:
                arguments["run_id"] = _active_run(arguments.get("tracking_uri"), earlier_id)
            self._continues = arguments.get("run_id") is not None
            super().__init__(**arguments)

    @classmethod
    def defaults(cls, run: LoggedRun, given: Mapping[str, Any]) -> dict[str, Any]:
        """Names, and the earlier run's id."""
        database = _local_path(str(given.get("tracking_uri") or ""))
        return {
            "experiment_name": run.sweep or EXPERIMENT,
            "run_name": run.folder.name,
            "earlier_id": run.earlier_id,
            # MLflow's own default is ./mlruns, wherever the database is
            "artifact_location": None if database is None else str(database.parent.absolute() / "mlartifacts"),
            **({} if given.get("tracking_uri") else {"save_dir": str(run.folder / "mlruns")}),
        }

    def open(self, run: LoggedRun) -> None:
        """Creates the run, or continues an earlier one."""
        with _database_lock(self.uri):
            try:
                client = self.experiment
            except Exception as error:
                if "exist" not in str(error):
                    raise
                client = self.experiment  # another run has just created the experiment
            self._is_open = True
            if self._continues:
                client.update_run(self.run_id, status="RUNNING")
            if self._continues and run.first_step is not None:
                self._logged = _logged_before(client, str(self.run_id))

    @property
    def service_id(self) -> str | None:
        """The id of MLflow's run."""
        return self.run_id if self._is_open else None

    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """Logs metrics, except those that an earlier process has logged at this step: the same seed has the same."""
        new = {
            name: value
            for name, value in metrics.items()
            if (self._metric_prefix + name, step or 0) not in self._logged
        }
        if new:
            super().log_metrics(new, step)

    def add_picture(self, name: str, png: bytes, step: int) -> None:
        """Uploads a picture."""
        self.experiment.log_image(self.run_id, Image.open(io.BytesIO(png)), f"pictures/{name}.png")

    def look(self, folder: str) -> str | None:
        """MLflow's page of the run, or the command that serves it."""
        uri = urlsplit(self.uri)
        if uri.scheme in ("http", "https"):
            host = uri.netloc.rpartition("@")[2]  # without a password
            return f"{uri.scheme}://{host}{uri.path}/#/experiments/{self.experiment_id}/runs/{self.run_id}"
        return f"mlflow ui --backend-store-uri {shlex.quote(self.uri)}" if _local_path(self.uri) else None

    def close(self, status: str, result: str = "", metrics_csv: Path | None = None) -> None:
        """Uploads the run's files and the checkpoints of log_model, and ends MLflow's run."""
        if not self._is_open:
            return
        terminal = TERMINAL.get(status, "FAILED")
        if self.is_lost:
            self.is_lost = False  # the server may be back, and would show a run that runs for ever
            self.attempt(self.experiment.set_terminated, self.run_id, terminal)
            return
        self.attempt(self._upload_files, result, metrics_csv)
        self.attempt(self.experiment.set_tag, self.run_id, STATUS_TAG, status)
        self.attempt(self._upload_checkpoints_and_end, terminal)
        if "_upload_checkpoints_and_end" in self._failed:
            self.attempt(self.experiment.set_terminated, self.run_id, terminal)

    def _upload_checkpoints_and_end(self, terminal: str) -> None:
        MLFlowLogger.finalize(self, terminal)

    def _upload_files(self, result: str, metrics_csv: Path | None) -> None:
        if result:
            self.experiment.log_text(self.run_id, result, "result.json")
        if metrics_csv is not None and metrics_csv.is_file():
            self.experiment.log_artifact(self.run_id, str(metrics_csv))


def _active_run(tracking_uri: str | None, run_id: str) -> str | None:
    """The id, or None if that run was deleted or is in another database."""
    from mlflow.tracking import MlflowClient

    try:
        stage = MlflowClient(tracking_uri).get_run(run_id).info.lifecycle_stage
        reason = None if stage == "active" else f"it is {stage}"
    except Exception as error:
        reason = one_line(error)
    if reason is None:
        return run_id
    log.warning("MLflow's run %s cannot be continued (%s); starting a new one", run_id, reason)
    return None


def _logged_before(client: Any, run_id: str) -> set[tuple[str, int]]:
    """The names and steps of what a run has logged."""
    names = client.get_run(run_id).data.metrics
    return {(name, point.step) for name in names for point in client.get_metric_history(run_id, name)}


def _local_path(tracking_uri: str) -> Path | None:
    """The file of an SQLite database; None for anything else."""
    found = re.match(r"sqlite(?:\+\w+)?:///(?P<path>[^?]+)", tracking_uri)
    return None if found is None else Path(found["path"])


@contextlib.contextmanager
def _database_lock(tracking_uri: str) -> Iterator[None]:
    """One process at a time: those that start together would all create the tables of a new SQLite database."""
    database = _local_path(tracking_uri)
    if database is None:
        yield
        return
    database.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(database.with_name(f".{database.name}.lock"), timeout=LOCK_S):
        yield


def _check_reachable(tracking_uri: str) -> None:
    if urlsplit(tracking_uri).scheme not in ("http", "https"):
        return
    import requests  # MLflow needs it

    os.environ.setdefault(RETRIES, "3")
    try:
        requests.get(tracking_uri, timeout=CONNECT_S).close()
    except requests.RequestException as error:
        raise UserError(
            f"tracking_uri={tracking_uri} does not answer ({type(error).__name__}); start the server, such as "
            "mlflow server --port 5000, or choose another tracking_uri"
        ) from None

"""Weights & Biases: a run there for each run folder, which a resumed run continues."""

import io
import shlex
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lightning.pytorch.loggers import WandbLogger
from PIL import Image

from cnnlab.training.run_logger import COMPLETED, LoggedRun, RunLogger


class RunWandb(RunLogger, WandbLogger):
    """Lightning's W&B logger, whose run has the run folder's name and ends with the run's status."""

    _is_open = False

    @classmethod
    def defaults(cls, run: LoggedRun, given: Mapping[str, Any]) -> dict[str, Any]:
        """Names, the folder, and the run's id, with which wandb.init continues an earlier run."""
        identity = {} if "version" in given else {"id": run.earlier_id or uuid.uuid4().hex[:8]}
        folder = None if "dir" in given else str(run.folder)
        return {"name": run.folder.name, "group": run.sweep, "save_dir": folder, **identity}

    @property
    def service_id(self) -> str | None:
        """The run's id."""
        return self.version

    def open(self, run: LoggedRun) -> None:
        """Starts the run in W&B."""
        _ = self.experiment
        self._is_open = True

    def add_picture(self, name: str, png: bytes, step: int) -> None:
        """Logs a picture."""
        self.log_image(name, [Image.open(io.BytesIO(png))], step)

    def look(self, folder: str) -> str | None:
        """W&B's page of the run or, offline, the command that uploads it."""
        if self.experiment.offline:
            return f"wandb sync {shlex.quote(str(Path(self.experiment.dir).parent))}"
        url = self.experiment.url
        return None if url is None else str(url)

    def close(self, status: str, result: str = "", metrics_csv: Path | None = None) -> None:
        """Uploads the run's files and the checkpoints of log_model, and ends W&B's run."""
        if not self._is_open:
            return
        self.is_lost = False  # finish() must be called in any case
        self.attempt(self._upload_files, status, result, metrics_csv)
        super().close(status, result, metrics_csv)
        self.attempt(self.experiment.finish, exit_code=0 if status == COMPLETED else 1)

    def _upload_files(self, status: str, result: str, metrics_csv: Path | None) -> None:
        self.experiment.summary["status"] = status
        folder = Path(self.experiment.dir)  # W&B uploads what is in it
        if result:
            (folder / "result.json").write_text(result)
        if metrics_csv is not None and metrics_csv.is_file():
            (folder / "metrics.csv").write_bytes(metrics_csv.read_bytes())

"""Jobs whose runs are known to have today's config, without composing it: that takes a sixth of a second for each."""

import contextlib
import hashlib
import json
import uuid
from collections.abc import Callable, Iterable, Iterator
from importlib.metadata import version
from pathlib import Path

from omegaconf import DictConfig

from cnnlab.experiment.identity import fingerprint
from cnnlab.sweep.job import Job
from cnnlab.sweep.outcome import Outcome


class KnownJobs:
    """Remembers, in a file of the sweep's folder, from which config files a run was made.

    A run is known if those files were the same when it was begun and when it was at its end.

    Args:
        path: The file, a line of JSON for each run.
        digest: Of the config files as they are now.
    """

    def __init__(self, path: Path, digest: Callable[[], str]) -> None:
        self._path = path
        self._digest = digest
        self._begun: dict[str, str] = {}  # digest by the job's name
        self._known: dict[str, list[object]] = {}
        for line in path.read_text().splitlines() if path.is_file() else ():
            try:
                name, *known = json.loads(line)
            except (ValueError, TypeError):
                continue  # written in the moment of a crash
            self._known[name] = known
        self._today = digest()

    def __contains__(self, job: object) -> bool:
        return isinstance(job, Job) and self._known.get(job.name) == [list(job.overrides), self._today]

    def noting(self, jobs: Iterable[Job]) -> Iterator[Job]:
        """These jobs, each taken when its run starts, or is resumed, which is only done with the same config."""
        for job in jobs:
            self._begun[job.name] = self._digest()
            yield job

    def hear(self, outcome: Outcome) -> None:
        """Notes how a run ended."""
        job, digest = outcome.job, self._digest()
        if outcome.status.is_final and self._begun.get(job.name) == digest and job.folder.fallback is None:
            with contextlib.suppress(OSError), self._path.open("a") as file:  # a full disk: it is only composed again
                file.write(json.dumps([job.name, list(job.overrides), digest]) + "\n")


class DigestOfConfig:
    """A hash of all that a job's config is composed of, but for its own overrides, as it is when called.

    Args:
        config: A sweep's composed config, with Hydra's part.
    """

    def __init__(self, config: DictConfig) -> None:
        self._values = f"{fingerprint(config)} cnnlab {version('cnnlab')}".encode()
        sources = config.hydra.runtime.config_sources
        self._folders = [Path(source.path) for source in sources if source.schema == "file"]
        self._files: list[tuple[Path, Path, int, int]] = []
        self._digest = ""

    def __call__(self) -> str:
        """64 hexadecimal digits; a text that is nothing's hash if a file has just gone."""
        try:
            files = [self._look(folder, path) for folder, path in self._paths()]
            if files != self._files or not self._digest:
                self._digest, self._files = self._of(files), files
        except OSError:
            return f"cannot be known, {uuid.uuid4()}"
        return self._digest

    def _paths(self) -> Iterator[tuple[Path, Path]]:
        for folder in self._folders:
            for path in sorted(folder.rglob("[!.]*.yaml")):  # hidden ones are an editor's
                yield folder, path

    @staticmethod
    def _look(folder: Path, path: Path) -> tuple[Path, Path, int, int]:
        stat = path.stat()
        return folder, path, stat.st_mtime_ns, stat.st_size

    def _of(self, files: list[tuple[Path, Path, int, int]]) -> str:
        digest = hashlib.sha256(self._values)
        for folder, path, _, _ in files:
            digest.update(b"\0".join([str(path.relative_to(folder)).encode(), path.read_bytes()]))
        return digest.hexdigest()

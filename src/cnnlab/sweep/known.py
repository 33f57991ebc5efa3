"""Remembers which runs have the current config, since composing each job's config takes a sixth of a second."""

import contextlib
import hashlib
import json
import os
import sys
import uuid
from collections.abc import Callable, Iterable, Iterator
from importlib.metadata import version
from pathlib import Path

from omegaconf import DictConfig
from omegaconf.errors import InterpolationKeyError

from cnnlab.experiment.identity import fingerprint
from cnnlab.files import append_line, read_text
from cnnlab.sweep.job import Job
from cnnlab.sweep.outcome import Outcome


class KnownJobs:
    """Records, in a file in the sweep's folder, the config files that each run was made with.

    A run is known if those files did not change between its start and its end.

    Args:
        path: The file, one line of JSON per run.
        digest: Computes the digest of the current config files.
    """

    def __init__(self, path: Path, digest: Callable[[], str]) -> None:
        self._path = path
        self._digest = digest
        self._started: dict[str, str] = {}  # job name to digest
        self._known: dict[str, list[object]] = {}
        for line in self._lines():
            try:
                name, *known = json.loads(line)
                self._known[name] = known
            except (ValueError, TypeError, RecursionError):
                continue  # written during a crash, or by somebody else
        self._current = digest()

    def _lines(self) -> list[str]:
        if not os.path.lexists(self._path):
            return []
        try:
            return read_text(self._path).splitlines()
        except OSError as error:  # then each job's config is composed, which only takes longer
            print(f"{self._path} cannot be read ({error.strerror}), and is not used", file=sys.stderr)
            return []

    def __contains__(self, job: object) -> bool:
        return isinstance(job, Job) and self._known.get(job.name) == [list(job.overrides), self._current]

    def track_starts(self, jobs: Iterable[Job]) -> Iterator[Job]:
        """Yields the jobs, and records the digest when each starts, or is resumed, which requires the same config."""
        for job in jobs:
            self._started[job.name] = self._digest()
            yield job

    def record(self, outcome: Outcome) -> None:
        """Records a run that has finished with an unchanged config."""
        job, digest = outcome.job, self._digest()
        if outcome.status.is_final and self._started.get(job.name) == digest and job.folder.fallback is None:
            line = json.dumps([job.name, list(job.overrides), digest])
            with contextlib.suppress(OSError):  # disk full: it is composed again
                append_line(self._path, line)


class DigestOfConfig:
    """Hashes everything that a job's config is composed of, except its own overrides, at the time of the call.

    Args:
        config: A sweep's composed config, with Hydra's part.
    """

    def __init__(self, config: DictConfig) -> None:
        self._values = f"{_fingerprint(config)} cnnlab {version('cnnlab')}".encode()
        sources = config.hydra.runtime.config_sources
        self._folders = [Path(source.path) for source in sources if source.schema == "file"]
        self._files: list[tuple[Path, Path, int, int]] = []
        self._digest = ""

    def __call__(self) -> str:
        """64 hexadecimal digits; a unique text if a file has just disappeared."""
        try:
            files = [self._look(folder, path) for folder, path in self._paths()]
            if files != self._files or not self._digest:
                self._digest, self._files = self._of(files), files
        except OSError:
            return f"unavailable, {uuid.uuid4()}"
        return self._digest

    def _paths(self) -> Iterator[tuple[Path, Path]]:
        for folder in self._folders:
            for path in sorted(folder.rglob("[!.]*.yaml")):  # hidden files are an editor's
                yield folder, path

    @staticmethod
    def _look(folder: Path, path: Path) -> tuple[Path, Path, int, int]:
        stat = path.stat()
        return folder, path, stat.st_mtime_ns, stat.st_size

    def _of(self, files: list[tuple[Path, Path, int, int]]) -> str:
        digest = hashlib.sha256(self._values)
        for folder, path, _, _ in files:
            digest.update(f"{path.relative_to(folder)}\0{read_text(path)}".encode(errors="surrogateescape"))
        return digest.hexdigest()


def _fingerprint(config: DictConfig) -> str:
    """A unique text if the sweep's own config lacks a key that its jobs have: then no job is known."""
    try:
        return fingerprint(config)
    except InterpolationKeyError:
        return uuid.uuid4().hex

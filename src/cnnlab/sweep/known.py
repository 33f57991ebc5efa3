"""Jobs whose runs are known to be of today's config, without composing it again: a sixth of a second for each."""

import contextlib
import hashlib
import json
from collections.abc import Callable, Iterable, Iterator
from importlib.metadata import version
from pathlib import Path

from omegaconf import DictConfig

from cnnlab.config import numeric_params, without_hydra
from cnnlab.sweep.job import FINAL, Job
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
            except ValueError:
                continue  # written in the moment of a crash
            self._known[name] = known
        self._today = digest()

    def __contains__(self, job: object) -> bool:
        return isinstance(job, Job) and self._known.get(job.name) == [list(job.overrides), self._today]

    def noting(self, jobs: Iterable[Job]) -> Iterator[Job]:
        """These jobs, each asked for when its run begins, or goes on, which is only done with the same config."""
        for job in jobs:
            self._begun[job.name] = self._digest()
            yield job

    def hear(self, outcome: Outcome) -> None:
        """A run is at an end."""
        job, digest = outcome.job, self._digest()
        if outcome.status in FINAL and self._begun.get(job.name) == digest:
            with contextlib.suppress(OSError), self._path.open("a") as file:  # a full disk: it is only composed again
                file.write(json.dumps([job.name, list(job.overrides), digest]) + "\n")


def digest_of_config(config: DictConfig) -> str:
    """A hash of all that a job's config is composed of, but for its own overrides.

    Args:
        config: A sweep's composed config, with Hydra's part.
    """
    values = {**numeric_params(without_hydra(config)), "cnnlab": version("cnnlab")}
    digest = hashlib.sha256(json.dumps(values, sort_keys=True, default=str).encode())
    for source in config.hydra.runtime.config_sources:
        if source.schema == "file":
            for path in sorted(Path(source.path).rglob("*.yaml")):
                digest.update(b"\0".join([str(path.relative_to(source.path)).encode(), path.read_bytes()]))
    return digest.hexdigest()

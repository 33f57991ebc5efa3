"""Names a sweep and its jobs after the swept values, so that the same command finds its folders again."""

import hashlib
from collections.abc import Iterable

from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import DictConfig, OmegaConf, open_dict, read_write

from cnnlab.experiment.composed import texts
from cnnlab.run.resume import quote

EXCLUDED = "hydra.job.config.override_dirname.exclude_keys"  # Hydra's keys that are left out of a job's name
MAX_NAME_BYTES = 200  # of a folder; filesystems allow 255


def name_sweep(config: DictConfig) -> None:
    """Names a sweep unless it has a name, and leaves the keys that all of its jobs share out of the jobs' names.

    Args:
        config: A sweep's composed config, with Hydra's part, changed in place.
    """
    parser = OverridesParser.create()
    typed = parser.parse_overrides(texts(config.hydra.overrides.task))
    params = parser.parse_overrides(
        [f"{key}={value}" for key, value in (config.hydra.sweeper.get("params") or {}).items()]
    )
    last = {override.key_or_group: override for override in [*params, *typed]}  # the command line replaces the file's
    constant = sorted(key for key, override in last.items() if not override.is_sweep_override())
    excluded = [*constant, *OmegaConf.select(config, EXCLUDED)]
    named = [override for override in typed if not override.key_or_group.startswith("sweep.")]
    swept = [override for override in named if override.is_sweep_override()] or named
    with read_write(config), open_dict(config):
        if config.sweep.name is None:
            config.sweep.name = "+".join(override.key_or_group for override in swept).replace("/", "_") or "one"
        OmegaConf.update(config, EXCLUDED, excluded)
        config.hydra.overrides.hydra.append(f"hydra.sweep.dir={quote(config.hydra.sweep.dir)}")
        names = ",".join(f'"{name}"' for name in excluded)
        config.hydra.overrides.hydra.append(f"{EXCLUDED}=[{names}]")  # each job's config is composed again


def job_name(overrides: Iterable[str], constant: Iterable[str]) -> str:
    """The name of a job's folder, such as `optimizer=adam,seed=3`.

    Args:
        overrides: The job's overrides.
        constant: Keys that are the same in all jobs.
    """
    constant = set(constant)
    swept = sorted(text for text in texts(overrides) if text.partition("=")[0].lstrip("+~") not in constant)
    name = ",".join(swept).replace("/", "_").replace("${", "{")  # Hydra would resolve a path's ${…}
    if len(name.encode()) > MAX_NAME_BYTES:
        digest = hashlib.sha256(name.encode()).hexdigest()[:8]  # long names with the same start get different folders
        name = name.encode()[: MAX_NAME_BYTES - 9].decode(errors="ignore") + "-" + digest
    return name or "job"


# conf/train.yaml's hydra.sweep.subdir, so that jobs of Hydra's own launchers have the same names
OmegaConf.register_new_resolver("job_name", job_name, replace=True)

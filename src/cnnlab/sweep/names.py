"""Names a sweep and its jobs after the swept values, so that the same command finds its folders again."""

import hashlib
from collections.abc import Iterable

from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import DictConfig, OmegaConf, open_dict, read_write

from cnnlab.errors import UserError
from cnnlab.experiment.composed import texts
from cnnlab.experiment.schema import OF_SWEEPS
from cnnlab.run.resume import quote

EXCLUDED = "hydra.job.config.override_dirname.exclude_keys"  # Hydra's keys that are left out of a job's name
MAX_NAME_BYTES = 200  # of a folder; filesystems allow 255
SEED = "seed="


def name_sweep(config: DictConfig) -> None:
    """Names a sweep unless it has a name, and leaves the keys that all of its jobs share out of the jobs' names.

    Args:
        config: A sweep's composed config, with Hydra's part, changed in place.

    Raises:
        UserError: If its folder or its name has no value.
    """
    parser = OverridesParser.create()
    typed = parser.parse_overrides(texts(config.hydra.overrides.task))
    params = parser.parse_overrides(
        [f"{key}={value}" for key, value in (config.hydra.sweeper.get("params") or {}).items()]
    )
    last = {override.key_or_group: override for override in [*params, *typed]}  # the command line replaces the file's
    constant = sorted(key for key, override in last.items() if not override.is_sweep_override())
    excluded = [*constant, *OmegaConf.select(config, EXCLUDED)]
    named = [override for override in typed if not override.key_or_group.startswith(OF_SWEEPS)]
    swept = [override for override in named if override.is_sweep_override()] or named
    if not config.hydra.sweep.dir:
        raise UserError("hydra.sweep.dir= names no folder; leave it out, or give one")
    with read_write(config), open_dict(config):
        if config.sweep.name is None:
            if OmegaConf.is_interpolation(config.sweep, "name"):
                raise UserError("sweep.name refers to a value that only a job has; give a name, or null")
            keys = "+".join(override.key_or_group for override in swept)
            config.sweep.name = folder_name(keys.replace("/", "_")) or "one"
        OmegaConf.update(config, EXCLUDED, excluded)
        config.hydra.overrides.hydra.append(f"hydra.sweep.dir={quote(config.hydra.sweep.dir)}")
        names = ",".join(f'"{name}"' for name in excluded)
        config.hydra.overrides.hydra.append(f"{EXCLUDED}=[{names}]")  # each job's config is composed again


def job_name(overrides: Iterable[str], constant: Iterable[str]) -> str:
    """The name of a job's folder, such as `optimizer=adam,trainer.max_epochs=3,seed=3`, the seed last.

    Args:
        overrides: The job's overrides.
        constant: Keys that are the same in all jobs.
    """
    constant = set(constant)
    swept = sorted(text for text in texts(overrides) if text.partition("=")[0].lstrip("+~") not in constant)
    by_key = ",".join(swept)
    seed_last = ",".join(sorted(swept, key=lambda text: text.startswith(SEED)))
    # a name with a hash tells nothing anyway, and keeps the one that it had before the seed was last
    return (seed_last if folder_name(seed_last) == seed_last else folder_name(by_key)) or "job"


def older_names(name: str) -> list[str]:
    """The names that a job may have had in a sweep of an older version, which sorted the seed among the other keys.

    Args:
        name: From `job_name`.
    """
    others, mark, seed = name.rpartition(f",{SEED}")
    if not mark or "," in seed:
        return []
    parts = others.split(",")  # a value may have commas; a name that no job ever had is in no folder
    return [",".join([*parts[:place], f"{SEED}{seed}", *parts[place:]]) for place in range(len(parts))]


def folder_name(text: str) -> str:
    """A text as the name of a folder, on every file system; different texts have different names.

    What a name cannot hold is replaced, `~` too, which marks the runs of a job with changed configs, and a text that is
    too long is cut; a hash of the text then tells such names apart.
    """
    name = "".join(character if _is_safe(character) else "_" for character in text).rstrip(" .")
    if name[:1] in (".", " "):
        name = f"_{name[1:]}"
    if name == text and len(name.encode()) <= MAX_NAME_BYTES:
        return name
    digest = hashlib.sha256(text.encode(errors="surrogateescape")).hexdigest()[:8]
    return name.encode()[: MAX_NAME_BYTES - 9].decode(errors="ignore") + "-" + digest


def _is_safe(character: str) -> bool:
    is_encodable = not "\ud800" <= character <= "\udfff"  # else it stands for a byte that is not UTF-8
    return is_encodable and character.isprintable() and character not in "/\\~$"


def with_number(name: str, number: int) -> str:
    """The name of a job's run with another config than the run with the number before: `seed=1~2`.

    Args:
        name: The job's name.
        number: 1 for its first run, which has no number in its name.
    """
    return f"{name}~{number}" if number > 1 else name


def without_number(name: str) -> tuple[str, int]:
    """The name of the job, and the number of the run, of a folder in a sweep: the inverse of `with_number`."""
    base, mark, number = name.rpartition("~")
    return (base, int(number)) if mark and number.isascii() and number.isdigit() else (name, 1)


# conf/train.yaml's hydra.sweep.subdir, so that jobs of Hydra's own launchers have the same names
OmegaConf.register_new_resolver("job_name", job_name, replace=True)

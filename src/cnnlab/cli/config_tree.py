"""The config groups as files: their options and keys, to look up what the user may have meant."""

import re
from collections.abc import Iterable
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml

from cnnlab.experiment.check import GROUPS, SPACES
from cnnlab.experiment.folder import config_folder
from cnnlab.experiment.identity import flatten
from cnnlab.files import expand_home
from cnnlab.run.flags import CommandLine

PRIMARY = "train.yaml"
HYDRA_KEYS = (
    "hydra.run.dir",
    "hydra.sweep.dir",
    "hydra.sweep.subdir",
    "hydra.job.chdir",
    "hydra.mode",
    "hydra.verbose",
)
HYDRA_GROUPS = ("hydra/launcher", "hydra/sweeper", "hydra/sweeper/sampler", "hydra/sweeper/pruner")


def config_tree(line: CommandLine) -> "ConfigTree":
    """The config groups, with those of `--config-dir`."""
    added = line.flags.get("config_dir")
    return ConfigTree([config_folder(), *([] if added is None else [Path(expand_home(str(added)))])])


class ConfigTree:
    """The config groups in some folders.

    Args:
        folders: `conf/`, and those of `--config-dir`.
    """

    def __init__(self, folders: Iterable[Path]) -> None:
        self.folders = [folder for folder in folders if folder.is_dir()]

    @cached_property
    def groups(self) -> dict[str, list[str]]:
        """The options of each group, Hydra's own apart."""
        found: dict[str, set[str]] = {}
        for folder in self.folders:
            for path in folder.glob("*/*.yaml"):
                if path.parent.name not in ("hydra", SPACES):
                    found.setdefault(path.parent.name, set()).add(path.stem)
        return {group: sorted(options) for group, options in sorted(found.items())}

    @cached_property
    def all_groups(self) -> dict[str, list[str]]:
        """The options of each group, with those of Hydra that choose where and over what a sweep runs."""
        hydras = {
            group: {path.stem for folder in self.folders for path in folder.glob(f"{group}/*.yaml")}
            | ({"basic"} if group in ("hydra/launcher", "hydra/sweeper") else set())
            for group in HYDRA_GROUPS
        }
        return {**self.groups, **{group: sorted(options) for group, options in hydras.items()}}

    @cached_property
    def keys(self) -> set[str]:
        """The dotted keys of every option of every group, and those of no group."""
        return self.common | {
            key for group in GROUPS for option in self.groups.get(group, []) for key in self.option_keys(group, option)
        }

    def keys_with(self, choices: dict[str, list[str]]) -> set[str]:
        """The dotted keys of a config.

        Args:
            choices: The chosen options of groups; the default of those that are not named.
        """
        chosen = {group: choices.get(group) or [self.default(group)] for group in GROUPS}
        return self.common | {
            key for group, options in chosen.items() for option in options for key in self.option_keys(group, option)
        }

    def choices(self, overrides: Iterable[str]) -> dict[str, list[str]]:
        """The options of the groups in overrides; several if they are swept over."""
        named = (text.lstrip("+").partition("=") for text in overrides)
        return {group: [*re.split(r"[,\s]+", value)] for group, _, value in named if group in self.groups and value}

    def default(self, group: str) -> str:
        """The option of a group that is chosen where none is named."""
        named = {name: option for item in self._primary.get("defaults", []) if isinstance(item, dict)
                 for name, option in item.items()}  # fmt: skip
        return str(named.get(group))

    def option_keys(self, group: str, option: str) -> set[str]:
        """The dotted keys of an option, with those of the options that it extends."""
        content = self.option(group, option)
        extended = [item for item in content.get("defaults", []) if isinstance(item, str) and item != "_self_"]
        keys = {f"{group}.{key}" for key, _ in flatten({**content, "defaults": None}) if not key.startswith("_")}
        return (keys - {f"{group}.defaults"}).union(*(self.option_keys(group, name) for name in extended))

    def target(self, group: str, option: str) -> str:
        """What an option builds, its `_target_`; empty if it has none."""
        content = self.option(group, option)
        extended = [str(item) for item in content.get("defaults", []) if isinstance(item, str) and item != "_self_"]
        inherited = (self.target(group, name) for name in extended)
        return str(content.get("_target_") or next(filter(None, inherited), ""))

    def option(self, group: str, option: str) -> dict[str, Any]:
        """The content of an option's file; empty if it cannot be read."""
        for folder in self.folders:
            if (path := folder / group / f"{option}.yaml").is_file():
                return _read(path)
        return {}

    @cached_property
    def _primary(self) -> dict[str, Any]:
        return next((_read(folder / PRIMARY) for folder in self.folders if (folder / PRIMARY).is_file()), {})

    @cached_property
    def hydra_keys(self) -> set[str]:
        """Keys of Hydra's part that are often set, with those of the launchers and sweepers."""
        return {*HYDRA_KEYS, *(key for keys in self._hydra_options.values() for key in keys)}

    def hydra_owners(self, key: str) -> str:
        """The launchers or sweepers that have a key, as typed; empty if none has it."""
        owners = " or ".join(sorted(option for option, keys in self._hydra_options.items() if key in keys))
        is_part = key.startswith(("hydra.sweeper.sampler.", "hydra.sweeper.pruner."))
        return f"hydra/sweeper=optuna with {owners}" if owners and is_part else owners

    @cached_property
    def _hydra_options(self) -> dict[str, set[str]]:
        """The dotted keys of each launcher, sweeper, sampler and pruner, by `hydra/launcher=local`."""
        found: dict[str, set[str]] = {}
        for folder in self.folders:
            for path in (folder / "hydra").glob("*er/**/*.yaml"):
                room = path.parent.relative_to(folder).as_posix()
                dotted = room.replace("/", ".")
                keys = {f"{dotted}.{key}" for key, _ in flatten({**_read(path), "defaults": None})}
                found[f"{room}={path.stem}"] = {
                    key for key in keys if "._" not in key and not key.endswith(".defaults")
                }
        return found

    @cached_property
    def common(self) -> set[str]:
        """The dotted keys of no group."""
        content = {key: value for key, value in self._primary.items() if key not in ("defaults", "hydra")}
        return {key for key, _ in flatten(content)}


def _read(path: Path) -> dict[str, Any]:
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError):
        return {}
    return content if isinstance(content, dict) else {}

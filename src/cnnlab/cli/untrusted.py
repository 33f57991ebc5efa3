"""Checks a config that is not from conf/ alone, before Hydra builds anything of it.

Hydra builds its callbacks, launcher, sweeper and logging before this program can look at them. A config from
`--config-dir`, another primary config or a recorded run is therefore composed once beforehand, and every value that
neither our conf/ nor the user's own command line gives must be harmless. docs/security.md says what is promised.
"""

import itertools
import math
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import ClassVar

from hydra import compose, initialize_config_dir, initialize_config_module
from hydra.core.config_search_path import ConfigSearchPath
from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Glob, IntervalSweep, Override, RangeSweep
from hydra.core.plugins import Plugins
from hydra.plugins.search_path_plugin import SearchPathPlugin
from omegaconf import DictConfig, ListConfig, OmegaConf, open_dict
from yaml import YAMLError

from cnnlab.cli.harmless import check_value, dotted, is_ours, options, shipped_values, values
from cnnlab.errors import UserError, one_line
from cnnlab.experiment.composed import texts as texts_of
from cnnlab.experiment.targets import check_targets
from cnnlab.experiment.trust import advice, is_trusted, trust, trust_typed_variables, trusted
from cnnlab.run.flags import CONFIG_FLAGS, CommandLine
from cnnlab.run.resumable import KEY
from cnnlab.run.resume import NOT_RESUMED, quote

TRUST_KEY = "trust="
CHECKED = "CNNLAB_CHECKED"  # environment variable: this process was started by one that has checked its config
NO_RUN = {"help", "hydra_help", "version", "cfg", "info", "shell_completion"}  # flags with which Hydra builds nothing
PRIMARY = "train"
MAX_COMBINATIONS = 100  # of a sweep's options from elsewhere: each is composed, which takes a sixth of a second
JOB = "main"  # Hydra's name of it
FOLDER = "/run-folder"  # stands for the run's folder, whose name is not known yet


def take_trust(arguments: list[str]) -> list[str]:
    """Removes `trust=<package>` from a command line, and trusts the package.

    Trust is never recorded: it is passed to other processes by the environment, and a resume must be told again.

    Args:
        arguments: The command line after the program's name.

    Raises:
        UserError: If it is not a package's name, or one that must not be trusted as a whole.
    """
    given = [text for text in arguments if text.lstrip("+").startswith(TRUST_KEY)]
    for text in given:
        trust(text.lstrip("+").removeprefix(TRUST_KEY).strip("[]\"'"))
    trusted()  # what the environment says
    trust_typed_variables(arguments)
    return [text for text in arguments if text not in given]


def check_untrusted(typed: CommandLine, line: CommandLine, conf: Path) -> None:
    """Rejects a command whose config could run a stranger's code, or write outside its folder.

    Args:
        typed: What the user typed.
        line: The command line for Hydra, which a resume completes by the run's recorded overrides.
        conf: The folder of our own configs.

    Raises:
        UserError: With the value, its key, and how to allow it.
    """
    if "LOCAL_RANK" in os.environ and CHECKED in os.environ:
        return  # a worker, whose config is that of the first process
    if "experimental_rerun" in line.flags:
        raise UserError("--experimental-rerun reads a pickle, which can run code; use resume=<run folder>")
    texts = [text for text in line.overrides if "=" in text or text.startswith("~")]
    recorded = [text for text in texts if text not in typed.overrides and not _is_added_by_resume(text)]
    if set(CONFIG_FLAGS) & line.flags.keys() or recorded or any(map(_needs_check, texts)):
        check = _Check(line.flags, texts, [text for text in texts if text not in recorded], conf)
        try:
            check.sources() if NO_RUN & line.flags.keys() else check.run()
        except YAMLError as error:
            raise UserError(f"a config file is not plain YAML: {one_line(error)}") from error
    os.environ[CHECKED] = "1"


class _Check:
    """The check of one command line.

    Args:
        flags: Hydra's.
        texts: All overrides.
        typed: Those that the user typed.
        conf: The folder of our own configs.
    """

    def __init__(self, flags: dict[str, str | bool], texts: list[str], typed: list[str], conf: Path) -> None:
        self.conf = conf
        self.name = str(flags.get("config_name") or PRIMARY)
        self.main = str(flags.get("config_path") or conf)
        self.folders = [str(Path(str(flags["config_dir"])).absolute())] if "config_dir" in flags else []
        parser = OverridesParser.create()
        self.overrides = parser.parse_overrides(texts)
        self.typed = {key for override in parser.parse_overrides(typed) for key in _keys(override)}
        self.shipped = shipped_values(conf)

    def run(self) -> None:
        """Composes and checks the config, also with each combination of a sweep's options from elsewhere."""
        sources = self.sources()
        given = [override for override in self.overrides if override.key_or_group != "hydra.searchpath"]
        config = self._check([self._first(override) for override in given], sources)
        params = config.hydra.sweeper.get("params") if isinstance(config.hydra.sweeper, DictConfig) else None
        foreign = [f"{key}={value}" for key, value in (params or {}).items()]
        for text in foreign:
            if re.match(NOT_RESUMED, text):
                raise UserError(f"hydra.sweeper.params: {text} is not allowed in a config; type it on the command line")
        swept = [override for override in given if override.is_sweep_override()]
        jobs = [*swept, *OverridesParser.create().parse_overrides(foreign)]
        choices = [[None, *self._unchecked_values(override)] for override in jobs]
        if math.prod(map(len, choices)) > MAX_COMBINATIONS:
            raise UserError(
                "this sweep combines too many options that are not in conf/; sweep over fewer of them at a time"
            )
        for texts in itertools.product(*choices):
            changed = {override.key_or_group for override, text in zip(jobs, texts, strict=True) if text is not None}
            if changed:
                others = [self._first(override) for override in given if override.key_or_group not in changed]
                self._check([*others, *(text for text in texts if text is not None)], sources)

    def sources(self) -> list[str]:
        """The entries of `hydra.searchpath`, after the check that none of them imports a package."""
        entries = [entry for each in self.overrides if each.key_or_group == "hydra.searchpath" for entry in _list(each)]
        entries = entries or self._primary_searchpath()
        for entry in [self.main, *entries]:
            scheme, _, name = str(entry).partition("://")
            package = name.replace("/", ".").strip(".")
            if name and scheme != "file" and not is_trusted(package):
                raise UserError(f"{entry} is not allowed: reading configs from it imports {package}{advice(package)}")
        if "://" not in self.main and not Path(self.main).is_absolute():
            raise UserError(f"--config-path={self.main} is not allowed; it must be an absolute path")
        return entries

    def _primary_searchpath(self) -> list[str]:
        for folder in (self.main, *self.folders):
            path = Path(folder, self.name if self.name.endswith((".yaml", ".yml")) else f"{self.name}.yaml")
            if path.is_file():
                found = OmegaConf.load(path)
                entries = OmegaConf.select(found, "hydra.searchpath") if isinstance(found, DictConfig) else None
                return [str(entry) for entry in entries] if isinstance(entries, ListConfig) else []
        return []

    def _check(self, texts: list[str], sources: list[str]) -> DictConfig:
        """Composes a config and checks every value in it."""
        if sources:  # replaces what the primary config has
            texts = [*texts, f"hydra.searchpath=[{','.join(quote(source) for source in sources)}]"]
        scheme, _, package = self.main.partition("://")
        is_package = scheme == "pkg" and package
        with (
            _ConfigFolder.added(self.folders),
            initialize_config_module(package.replace("/", "."), JOB, version_base="1.3")
            if is_package
            else initialize_config_dir(self.main, JOB, version_base="1.3"),
        ):
            config = compose(self.name, texts, return_hydra_config=True)
        recorded = [*texts_of(config.hydra.overrides.task), *texts_of(config.hydra.overrides.hydra)]
        if added := [text for text in recorded if text not in texts]:
            raise UserError(f"hydra.overrides: {added[0]} is not allowed in a config; type it on the command line")
        for group, option in config.hydra.runtime.choices.items():
            if any(".." in Path(str(each)).parts for each in (option if isinstance(option, list) else [option])):
                raise UserError(f"{group}={option} is not allowed: an option is a file of its group; use --config-dir")
        with open_dict(config.hydra.runtime):
            config.hydra.runtime.output_dir = FOLDER
        before = HydraConfig.instance().cfg
        HydraConfig.instance().set_config(config)
        try:
            check_targets(config)
            self._check_values(config)
        finally:
            HydraConfig.instance().cfg = before
        return config

    def _check_values(self, config: DictConfig) -> None:
        for path, raw in values(OmegaConf.to_container(config, resolve=False)):
            key = dotted(path)
            if key == "hydra.job.name" and raw == JOB:
                continue  # no config gives one
            if key not in self.typed and not is_ours(key, raw, self.shipped):
                check_value(config, path, FOLDER)

    def _first(self, override: Override) -> str:
        """An override, or the first value of a sweep."""
        if not override.is_sweep_override():
            return str(override.input_line)
        return f"{override.get_key_element()}={next(iter(self._all_values(override)), 'null')}"

    def _all_values(self, override: Override) -> list[str]:
        """The values of an override; of a range or an interval, which hold numbers, only the first."""
        if not override.is_sweep_override():
            return [override.get_value_element_as_str()]
        value = override.value()
        if isinstance(value, IntervalSweep):
            return [str(value.start)]
        if isinstance(value, Glob):
            group = str(override.key_or_group)
            return value.filter(
                sorted({name for folder in (self.main, *self.folders) for name in options(Path(folder), group)})
            )
        iterator = override.sweep_string_iterator()
        return list(itertools.islice(iterator, 1) if isinstance(value, RangeSweep) else iterator)

    def _unchecked_values(self, override: Override) -> Iterator[str]:
        """The values of a sweep that are options from elsewhere, or more than plain numbers and words."""
        key = override.get_key_element()
        group = str(override.key_or_group)
        own = options(self.conf, group)
        for value in self._all_values(override):
            is_option = "." not in group and (own or any(options(Path(folder), group) for folder in self.folders))
            if (value not in own) if is_option else not value.replace(".", "").replace("-", "").isalnum():
                yield f"{key}={value}"


class _ConfigFolder(SearchPathPlugin):
    """Adds `--config-dir` to Hydra's search path, where Hydra itself adds it."""

    folders: ClassVar[list[str]] = []

    @classmethod
    @contextmanager
    def added(cls, folders: list[str]) -> Iterator[None]:
        """Adds these folders in the context."""
        Plugins.instance().register(cls)
        cls.folders = folders
        try:
            yield
        finally:
            cls.folders = []

    def manipulate_search_path(self, search_path: ConfigSearchPath) -> None:
        """Called by Hydra."""
        for folder in self.folders:
            search_path.append(provider="command-line", path=f"file://{folder}")


def _is_added_by_resume(text: str) -> bool:
    return text.lstrip("+~").startswith(("hydra.", "hydra/", KEY))


def _needs_check(text: str) -> bool:
    """Whether an override could bring in something that is not in our conf/, or that Hydra itself builds."""
    key, _, value = text.partition("=")
    name = key.lstrip("+~")
    if name.startswith("hydra"):
        return "_target_" in text or ".." in value or "callbacks" in key or "searchpath" in key
    return text.lstrip("+~") != f"{KEY}null" and "." not in name and (".." in value or f"{name}=" == KEY)


def _keys(override: Override) -> Iterator[str]:
    """The keys of the values that an override gives; none if it chooses an option."""
    if override.package is None and not override.is_delete():
        value = None if override.is_sweep_override() else override.value()
        for path, _ in values(value, (override.key_or_group,)):
            yield dotted(path)


def _list(override: Override) -> list[str]:
    value = override.value()
    return [str(entry) for entry in value] if isinstance(value, list) else [str(value)]

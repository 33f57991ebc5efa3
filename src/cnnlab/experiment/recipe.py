"""A recipe, such as an option of `experiment=`: a config file that chooses options and sets values for them."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from hydra.core.config_loader import ConfigLoader
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.types import RunMode
from omegaconf import DictConfig, ListConfig, OmegaConf

from cnnlab.errors import UserError

Option = tuple[str, ...]  # of a config group: a name, several, or none

SWEPT = "hydra.sweeper.params"  # by group or key


@dataclass(frozen=True)
class Recipe:
    """A config file that is merged into the whole config: its header is `# @package _global_`.

    Attributes:
        path: In the search path, such as `experiment/accurate`.
        parent: The path of the file whose defaults list names it.
        content: With its own defaults list.
    """

    path: str
    parent: str
    content: DictConfig

    def __str__(self) -> str:
        return "=".join(self.path.split("/", maxsplit=1))

    def choices(self) -> dict[str, Option]:
        """The options that it chooses with `override`, by group."""
        listed = self.content.get("defaults")
        entries = OmegaConf.to_container(listed, resolve=False) if isinstance(listed, ListConfig) else []
        assert isinstance(entries, list)
        chosen = {str(key): value for entry in entries if isinstance(entry, dict) for key, value in entry.items()}
        return {
            key.removeprefix("override ").strip().removeprefix("/"): option_of(value)
            for key, value in chosen.items()
            if key.startswith("override ")
        }

    def swept(self, group: str, parser: OverridesParser) -> set[Option]:
        """The options of a group among which it sweeps itself."""
        text = self.values(SWEPT).get(group)
        if text is None:
            return set()
        (override,) = parser.parse_overrides([f"{group}={text}"])
        options = override.sweep_iterator() if override.is_sweep_override() else [override.value()]
        return {option_of(option) for option in options}

    def values(self, package: str) -> dict[str, Any]:
        """What it sets in a part of the config, unresolved."""
        node = OmegaConf.select(self.content, package)
        return unresolved(node) if isinstance(node, DictConfig) else {}


def recipes_and_primary(
    config: DictConfig, loader: ConfigLoader, chosen: set[str], overrides: list[str]
) -> tuple[list[Recipe], list[Recipe]]:
    """The files that are merged into the whole config, in order: the recipes, and those of the primary config.

    Args:
        config: A composed config with Hydra's part.
        loader: Hydra's.
        chosen: The paths of the options that are chosen as recipes; what they extend is one too.
        overrides: What the config was composed with.
    """
    hydra = config.hydra
    is_sweep = hydra.mode is RunMode.MULTIRUN
    mode = RunMode.MULTIRUN if is_sweep else RunMode.RUN
    defaults = loader.compute_defaults_list(hydra.job.config_name, overrides, mode).defaults
    recipes: list[Recipe] = []
    primary: list[Recipe] = []
    parents = {default.config_path: default.parent for default in defaults}
    for default in defaults:
        if default.package == "":
            content = load_file(config, loader, default.config_path)
            is_recipe = any(path in chosen for path in _line(default.config_path, parents))
            (recipes if is_recipe else primary).append(Recipe(default.config_path, str(default.parent), content))
    return recipes, primary


def option_of(value: Any) -> Option:
    """A group's option, from how it is written."""
    if value is None:
        return ()
    return tuple(map(str, value)) if isinstance(value, list | ListConfig) else (str(value),)


def as_choice(group: str, option: Option) -> str:
    """The override that chooses an option."""
    return f"{group}={'null' if not option else option[0] if len(option) == 1 else '[' + ','.join(option) + ']'}"


def unresolved(node: DictConfig) -> dict[str, Any]:
    """A config as plain dictionaries, with its interpolations."""
    container = OmegaConf.to_container(node, resolve=False)
    assert isinstance(container, dict)
    return {str(key): value for key, value in container.items()}


def _line(path: str | None, parents: dict[str, str | None]) -> Iterator[str]:
    """A file, the file whose defaults list names it, and so on."""
    while path is not None and path in parents:
        yield path
        path = parents[path] if parents[path] != path else None


def load_file(config: DictConfig, loader: ConfigLoader, path: str) -> DictConfig:
    """A config file as it is, from the first place of the search path that has it; empty if none has.

    Args:
        config: A composed config with Hydra's part.
        loader: Hydra's.
        path: In the search path, without `.yaml`, such as `experiment/accurate`.

    Raises:
        UserError: If it holds no names with values.
    """
    kinds = {source.scheme(): type(source) for source in loader.get_sources()}
    for place in config.hydra.runtime.config_sources:
        source = kinds[place.schema](place.provider, f"{place.schema}://{place.path}")
        if source.is_config(path):
            content = source.load_config(path).config
            if not isinstance(content, DictConfig):
                raise UserError(f"conf/{path}.yaml has no names with values, such as lr: 0.1; mend it")
            return content
    return OmegaConf.create()

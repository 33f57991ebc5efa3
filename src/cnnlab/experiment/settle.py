"""Whoever picks another option than a recipe drops the recipe's values for that group.

The `optimizer.lr` of `experiment=accurate` is for muon, which it chooses too. Hydra merges it into any optimiser that
is chosen over it; `settle` takes it out again. A key that the primary config sets too, such as `data.batch_size`, says
how any option of its group is used, and stays.
"""

from dataclasses import dataclass
from typing import Any

from hydra.core.config_loader import ConfigLoader
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf, open_dict, read_write
from omegaconf.errors import ConfigAttributeError, ConfigKeyError, InterpolationKeyError, InterpolationResolutionError

from cnnlab.errors import UserError
from cnnlab.experiment.check import GROUPS, TOP_LEVEL
from cnnlab.experiment.composed import texts
from cnnlab.experiment.identity import flatten
from cnnlab.experiment.recipe import SWEPT, Option, Recipe, as_choice, option_of, recipes_and_primary, unresolved
from cnnlab.program import as_typed

RECIPES = ("experiment", "sweep")  # and a user's groups
SEARCH_PATH = "hydra.searchpath"


@dataclass(frozen=True)
class Dropped:
    """Values of a recipe that are not used.

    Attributes:
        recipe: Such as `experiment=accurate`.
        values: By their dotted names.
        meant_for: The option that they are for, such as `optimizer=muon`.
        used: The option that is used, such as `optimizer=adadelta`.
    """

    recipe: str
    values: dict[str, Any]
    meant_for: str
    used: str

    def __str__(self) -> str:
        values = ", ".join(" ".join(f"{name}={as_typed(value)}".split()) for name, value in self.values.items())
        verb = "are" if len(self.values) > 1 else "is"
        return f"{self.recipe}: {values} {verb} for {self.meant_for}, and not used with {self.used}"


def settle(config: DictConfig, loader: ConfigLoader, *, is_complete: bool = True) -> list[Dropped]:
    """Drops the values of recipes for options that are not used.

    Args:
        config: A composed config with Hydra's part, changed in place.
        loader: Hydra's, which composed it.
        is_complete: Whether it is a run's config, rather than the part that the jobs of a sweep share.

    Returns:
        What was dropped.

    Raises:
        UserError: If a value of the command line, or one that is kept, depends on a dropped one.
    """
    if not _may_have_recipes(config):
        return []
    settlement = _Settlement(config, loader)
    dropped = settlement.settle()
    if dropped and is_complete:
        settlement.check_references(dropped)
    return dropped


def _may_have_recipes(config: DictConfig) -> bool:
    """Whether a recipe may be chosen; Hydra does not list a group of which several options are chosen."""
    choices = config.hydra.runtime.choices
    typed = (text.lstrip("+").partition("=")[0] for text in texts(config.hydra.overrides.task))
    groups = {*RECIPES, *filter(_is_recipe_group, choices), *(key for key in typed if "." not in key)}
    return any(choices.get(group, "several") is not None for group in groups - {*TOP_LEVEL} | {*RECIPES})


def _is_recipe_group(group: str) -> bool:
    return group not in GROUPS and not group.startswith("hydra/")


class _Settlement:
    """Finds and drops the values of one config's recipes for options that are not used."""

    def __init__(self, config: DictConfig, loader: ConfigLoader) -> None:
        self._config, self._loader = config, loader
        self._parser = OverridesParser.create(config_loader=loader)
        composed_with = [*texts(config.hydra.overrides.hydra), *texts(config.hydra.overrides.task)]
        typed = [override for override in self._parser.parse_overrides(composed_with) if override.package is None]
        self._choices = {str(group): option_of(name) for group, name in config.hydra.runtime.choices.items()}
        self._search_path = [text for text in composed_with if text.lstrip("+").startswith(f"{SEARCH_PATH}=")]
        self._typed = {override.key_or_group: override for override in typed if self._is_choice(override)}
        self._typed_values = [override for override in typed if override.key_or_group not in self._typed]
        chosen = {
            group: {f"{group}/{name}" for name in self._option(group)}
            for group in [*self._choices, *self._typed]
            if _is_recipe_group(group)
        }
        self._recipes, self._primary = recipes_and_primary(config, loader, set().union(*chosen.values()), composed_with)
        paths = {recipe.path for recipe in self._recipes}
        self._recipe_groups = [group for group, options in chosen.items() if options & paths]
        self._other_groups = [group for group, options in chosen.items() if options and not options & paths]

    def settle(self) -> list[Dropped]:
        """Drops the values; returns what was dropped."""
        groups = {*self._typed, *(group for recipe in self._recipes for group in recipe.choices())}
        dropped = []
        for group in sorted(groups, key=len):  # hydra/sweeper before hydra/sweeper/sampler
            if group in self._recipe_groups or (group in self._typed and self._typed[group].is_sweep_override()):
                continue  # each job of a sweep is settled by itself
            unused = [recipe for recipe in self._recipes if self._is_unused(recipe, group)]
            if unused:
                dropped += [self._dropped(recipe, group) for recipe in unused]
                self._rebuild(group, unused)
        return dropped

    def _is_choice(self, override: Override) -> bool:
        """Whether an override of the command line chooses options of a group."""
        group = override.key_or_group
        is_text = override.is_sweep_override() or isinstance(override.value(), str | list)
        if override.is_delete() or "." in group or not is_text:
            return False
        if group in (*GROUPS, *RECIPES, *self._choices):
            return True
        return group not in TOP_LEVEL and bool(self._loader.get_group_options(group, overrides=self._search_path))

    def _option(self, group: str) -> Option:
        """The option of a group that is used."""
        if group in self._typed and not self._typed[group].is_sweep_override():
            return option_of(self._typed[group].value())
        if group in self._choices:
            return self._choices[group]
        overridden = [recipe.choices()[group] for recipe in self._recipes if group in recipe.choices()]
        return overridden[-1] if overridden else ()

    def _is_unused(self, recipe: Recipe, group: str) -> bool:
        return bool(self._own(recipe, group)) and self._option(group) not in self._meant_for(recipe, group)

    def _meant_for(self, recipe: Recipe, group: str) -> set[Option]:
        """The options that a recipe's values are for: those it sweeps, or the one that is chosen where it stands."""
        if swept := recipe.swept(group, self._parser):
            return swept
        position = self._recipes.index(recipe)
        extended = [other for other in self._recipes[position + 1 :] if other.parent == recipe.path]
        for chooser in (recipe, *reversed(extended), *reversed(self._recipes[:position])):
            if group in chooser.choices():
                chosen = chooser.choices()[group]
                return {self._option(group) if "${" in "".join(chosen) else chosen}  # Hydra has resolved it
        without = self._compose([name for name in self._related(group) if name != group])
        return {option_of(without.hydra.runtime.choices.get(group))}

    def _own(self, recipe: Recipe, group: str) -> dict[str, Any]:
        """What a recipe sets for an option of a group, rather than for any."""
        return {key: value for key, value in recipe.values(_package(group)).items() if key not in self._shared(group)}

    def _shared(self, group: str) -> set[str]:
        """The keys of a group that say how any option is used."""
        keys = {key for file in self._primary for key in file.values(_package(group))}
        package, _, name = SWEPT.rpartition(".")
        return keys | {name} if package == _package(group) else keys

    def _dropped(self, recipe: Recipe, group: str) -> Dropped:
        values = dict(flatten({_package(group): self._own(recipe, group)}))
        meant_for = " or ".join(as_choice(group, option) for option in sorted(self._meant_for(recipe, group)))
        return Dropped(str(recipe), values, meant_for, as_choice(group, self._option(group)))

    def _rebuild(self, group: str, unused: list[Recipe]) -> None:
        """Composes a group's part again: the option, the recipes that are for it, the command line."""
        package = _package(group)
        plain = OmegaConf.select(self._compose(self._related(group)), package)
        part = OmegaConf.create(unresolved(plain) if isinstance(plain, DictConfig) else {})
        for recipe in self._recipes:
            values = recipe.values(package)
            kept = {key: value for key, value in values.items() if recipe not in unused or key in self._shared(group)}
            part.merge_with(kept)
        with read_write(self._config), open_dict(self._config):
            OmegaConf.update(self._config, package, part, merge=False, force_add=True)
        for override in self._typed_values:
            if f"{override.key_or_group}.".startswith(f"{package}."):
                self._apply(override, group, unused)

    def _apply(self, override: Override, group: str, unused: list[Recipe]) -> None:
        key = override.key_or_group
        if override.is_delete():
            with open_dict(self._config):
                parent, _, name = key.rpartition(".")
                OmegaConf.select(self._config, parent).pop(name, None)
            return
        try:
            is_new = override.is_add() or override.is_force_add()
            OmegaConf.update(self._config, key, override.value(), merge=True, force_add=is_new)
        except (ConfigAttributeError, ConfigKeyError):
            line = self._dropped(unused[-1], group)
            raise UserError(
                f"{override.input_line}: {line.used} has no {key} ({line.recipe} sets it for {line.meant_for}); "
                f"remove it, or add it with ++{key}=…"
            ) from None

    def check_references(self, dropped: list[Dropped]) -> None:
        """Rejects a recipe whose kept values refer to dropped ones."""
        values = [(recipe, *item) for recipe in self._recipes for item in flatten(unresolved(recipe.content))]
        for recipe, name, value in values:
            if not (isinstance(value, str) and "${" in value) or name.startswith("hydra."):
                continue
            try:
                OmegaConf.select(self._config, name)
            except InterpolationKeyError:
                used = " and ".join(dict.fromkeys(line.used for line in dropped))
                raise UserError(
                    f"{recipe}: {name}={value} refers to a value that does not exist with {used}; set {name}=…"
                ) from None
            except InterpolationResolutionError:
                continue  # ${hydra:…}, for example

    def _related(self, group: str) -> list[str]:
        """A group with those inside which it is, and those inside it."""
        return [
            name
            for name in (*self._choices, group)
            if f"{name}/".startswith(f"{group}/") or group.startswith(f"{name}/")
        ]

    def _compose(self, groups: list[str]) -> DictConfig:
        """A config without recipes, with the chosen options of some groups."""
        removed = [f"~{group}" for group in self._recipe_groups if not self._is_added(group)]
        chosen = [
            f"{'+' if self._is_added(group) else ''}{as_choice(group, self._option(group))}"
            for group in dict.fromkeys([*groups, *self._other_groups])
            if self._option(group)
        ]
        overrides = [*self._search_path, *removed, *chosen]
        return self._loader.load_configuration(self._config.hydra.job.config_name, overrides, RunMode.RUN)

    def _is_added(self, group: str) -> bool:
        return group in self._typed and self._typed[group].is_add()


def _package(group: str) -> str:
    return group.partition("@")[2] or group.replace("/", ".")

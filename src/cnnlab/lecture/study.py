"""A study: what it claims, runs, measures and shows."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from matplotlib.figure import Figure
from omegaconf import OmegaConf

from cnnlab.errors import UserError
from cnnlab.experiment.folder import config_folder
from cnnlab.lecture.claims import AnyClaim
from cnnlab.lecture.judge import Effects
from cnnlab.lecture.texts import Words
from cnnlab.report.runs import Run, read_runs
from cnnlab.run.status import Status
from cnnlab.sweep.tuning import FOLDER, RECORD, read_record


@dataclass(frozen=True)
class Budget:
    """How much is measured.

    Attributes:
        name: `default`, `long` or `quick`.
        seeds: Of the runs that are reported; seeds from 1000 on are for tuning.
        overrides: What is typed after `python train.py sweep=<study's>`; nothing for the default.
        tunes: Whether learning rates are chosen anew, even where a full run of the same code has chosen them.
    """

    name: str
    seeds: tuple[int, ...]
    overrides: tuple[str, ...] = ()
    tunes: bool = True


BUDGETS = {
    "default": Budget("default", tuple(range(30, 35)), tunes=False),  # a sweep's own file may have other seeds
    "long": Budget("long", tuple(range(30, 40)), ("seed=range(30,40)",)),
}
QUICK = Budget("quick", (0, 1), ("seed=0,1", "data=mnist_5k", "trainer.max_epochs=1"))  # for tests


@dataclass(frozen=True)
class Workspace:
    """Where a study finds its runs.

    Attributes:
        budget: How much is measured.
        sweeps: The folder that has a folder for each sweep.
        diverged: Runs that `runs` came across, such as `lecture_init/activation=relu,…,seed=3`.
        chosen_before: The data of the full run that chose the learning rates; None if the sweeps here did.
    """

    budget: Budget
    sweeps: Path
    diverged: set[str] = field(default_factory=set)
    chosen_before: Mapping[str, Any] | None = None

    def runs(self, sweep: str) -> list[Run]:
        """The runs of a sweep whose seeds are the budget's, in the order of their folders' names.

        A seed with a run that diverged is left out of every configuration, so that all comparisons are of the same
        seeds; the run is added to `diverged`.

        Args:
            sweep: Its name, such as `lecture_init`.

        Raises:
            UserError: If none is left.
        """
        runs = [run for run in read_runs(self.sweeps / sweep)[0] if run.seed in self.budget.seeds]
        diverged = [run for run in runs if run.status is Status.DIVERGED]
        self.diverged.update(f"{sweep}/{run.path.name}" for run in diverged)
        lost = {run.seed for run in diverged}
        found = [run for run in runs if run.status is Status.COMPLETED and run.seed not in lost]
        if not found:
            why = " of a seed without a diverged one" if lost else ""
            raise UserError(f"{self.sweeps / sweep} has no completed runs{why}; run python train.py sweep={sweep}")
        return found

    def trials(self, sweep: str) -> list[Run]:
        """The runs by which a sweep has chosen its learning rates, whatever became of them.

        Args:
            sweep: Its name, of one with `sweep.tune` whose trials were not another sweep's.

        Raises:
            UserError: If there are none.
        """
        return read_runs(self.sweeps / sweep / FOLDER)[0]

    def tuning(self, sweep: str) -> list[dict[str, Any]]:
        """What a sweep has tried, and what came of it: the candidates of its `tuning.json`.

        Args:
            sweep: Its name, of one with `sweep.tune`.

        Raises:
            UserError: If there is no such record.
        """
        record = read_record(self.sweeps / sweep)
        if record is None:
            raise UserError(f"{self.sweeps / sweep} has no {RECORD}; run python train.py sweep={sweep}")
        return list(record["candidates"])


@dataclass(frozen=True)
class Measured:
    """What a study has measured.

    Attributes:
        effects: Of its claims: claim, condition, a value for each seed; 0 or 1 of an exact claim's check.
        data: What its figures, tables and widgets show: of json's types, finite numbers or None.
    """

    effects: Effects
    data: dict[str, Any]


@dataclass(frozen=True)
class Table:
    """A table of a section; its caption is in the texts.

    Attributes:
        head: Of the columns, in the language of the page.
        rows: Texts; the first of each is the row's head. Numbers are formatted.
    """

    head: Sequence[str]
    rows: Sequence[Sequence[str]]


@dataclass(frozen=True)
class Shown:
    """What a section shows; every name has a caption in the texts.

    Attributes:
        figures: By name, drawn with the colours of `cnnlab.report.page.figures.style`.
        tables: By name.
        widgets: By name: what the page's scripts need, of json's types, with its `kind`.
    """

    figures: Mapping[str, Figure] = field(default_factory=dict)
    tables: Mapping[str, Table] = field(default_factory=dict)
    widgets: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


@dataclass(frozen=True)
class Study:
    """A section of the lecture.

    Attributes:
        name: `ONLY=<name>` runs it alone; its texts are `texts/<name>.yaml`.
        claims: With their rules.
        measure: Reads the runs, computes.
        show: From what was measured, as it was written and read again, and the words of a language.
        sweeps: The options of conf/sweep/ that it runs, each `lecture_<…>`; their folders have the same names.
        sources: Other modules and files whose change makes a stored measurement old: relative to the package, or of
            `conf/`.
    """

    name: str
    claims: tuple[AnyClaim, ...]
    measure: Callable[[Workspace], Measured]
    show: Callable[[dict[str, Any], Words], Shown]
    sweeps: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()

    def budget(self, budget: Budget) -> Budget:
        """A budget with the seeds of this study: those of the default one are in the file of its sweep.

        Args:
            budget: One of `BUDGETS`.
        """
        if budget.overrides:
            return budget
        for sweep in self.sweeps:
            config = OmegaConf.load(config_folder() / "sweep" / f"{sweep}.yaml")
            if seeds := OmegaConf.select(config, "hydra.sweeper.params.seed"):
                override = OverridesParser.create().parse_override(f"seed={seeds}")
                return replace(budget, seeds=tuple(seed for seed in override.sweep_iterator() if isinstance(seed, int)))
        return budget

"""The code that a sweep's runs are of: where it differs, and which differences between configurations may be its."""

from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace

from cnnlab.report.comparisons import Comparison
from cnnlab.report.configurations import COMPUTES, Configuration, differing
from cnnlab.report.runs import Run
from cnnlab.report.sentences import Sentences

TELLING = (*COMPUTES, "device", "commit")  # what a reader has to know before any number
MOST_NAMES = 3  # of configurations in a sentence


def with_code(
    comparisons: Sequence[Comparison], configurations: Sequence[Configuration], varied: Collection[str]
) -> list[Comparison]:
    """The comparisons, each with what the code of its two configurations differs in, unless their names say so.

    Args:
        comparisons: Of the configurations.
        configurations: In the order of the report.
        varied: The names that distinguish them.
    """
    names = [name for name in differing(_all_runs(configurations), (*TELLING, "data")) if name not in varied]
    return [
        replace(each, other_code={name: num for name in names if (num := _num_other(each, configurations, name))})
        for each in comparisons
    ]


def code_notes(
    configurations: Sequence[Configuration],
    comparisons: Sequence[Comparison],
    mix_versions: bool,
    sentences: Sentences,
) -> list[str]:
    """What a reader has to know of the code: which runs differ in it, whether they were averaged, what that confounds.

    Args:
        configurations: In the order of the report.
        comparisons: From `with_code`.
        mix_versions: Whether runs of different versions were averaged.
        sentences: In the report's language.
    """
    return list(_notes(configurations, comparisons, mix_versions, sentences))


def _notes(
    configurations: Sequence[Configuration],
    comparisons: Sequence[Comparison],
    mix_versions: bool,
    sentences: Sentences,
) -> Iterator[str]:
    runs = _all_runs(configurations)
    names = differing(runs, TELLING)
    for name in names:
        found = dict.fromkeys(run.code[name] for run in runs if name in run.code)
        values = ", ".join(_value(value, name, configurations, sentences) for value in sorted(found))
        yield sentences.of("versions", name=name, values=values)
    if set(names) & set(COMPUTES):
        yield sentences.of("versions_mixed" if mix_versions else "versions_apart")
    confounded = Counter(name for each in comparisons for name in each.other_code)
    for name, num in confounded.items():
        yield sentences.of("confounded", num=num, total=len(comparisons), name=name)
    if any(run.code.get("commit", "").endswith("-dirty") for run in runs):
        yield sentences.of("dirty")


def _value(value: str, name: str, configurations: Sequence[Configuration], sentences: Sentences) -> str:
    """`2.13.0 (12 runs of adam, sgd)`."""
    members = {each.name: sum(run.code.get(name) == value for run in each.runs) for each in configurations}
    found = [member for member, num in members.items() if num]
    listed = sentences.names(found, MOST_NAMES)
    return sentences.of("versions_value", value=value, n=sum(members.values()), names=listed)


def _num_other(comparison: Comparison, configurations: Sequence[Configuration], name: str) -> int:
    """At how many seeds the two runs differ; of an unpaired comparison all, if their runs have nothing in common."""
    first, second = (
        {run.seed: run.code[name] for run in configurations[index].runs if name in run.code and run.metric("test/acc")}
        for index in (comparison.first, comparison.second)
    )
    if comparison.is_paired:
        return sum(seed in first and seed in second and first[seed] != second[seed] for seed in comparison.seeds)
    has_both = bool(first) and bool(second)
    return comparison.n if has_both and not set(first.values()) & set(second.values()) else 0


def _all_runs(configurations: Sequence[Configuration]) -> list[Run]:
    return [run for each in configurations for run in each.runs]

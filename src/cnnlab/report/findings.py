"""The sentences at the top of a report: what was found, and what a reader has to know before any number."""

import statistics
from collections.abc import Sequence

from cnnlab.metrics import ACCURACY
from cnnlab.report.comparisons import Comparison
from cnnlab.report.configurations import Configuration
from cnnlab.report.sentences import Sentences, points
from cnnlab.report.summaries import summarise

TEST = ACCURACY.of("test")
ENOUGH_SEEDS = 10
TUNABLE = {"activation", "init", "pool", "loss", "optimizer", "model"}  # whose best learning rates differ
DOUBTFUL = 0.9985  # above, MNIST's own labels are in doubt


def headline(
    configurations: Sequence[Configuration],
    comparisons: Sequence[Comparison],
    brackets: Sequence[Sequence[int]],
    margin: float | None,
    sentences: Sentences,
) -> list[str]:
    """The most important sentences, at most three.

    Args:
        configurations: In the order of the report.
        comparisons: Of them.
        brackets: Of those that cannot be told apart.
        margin: A difference that does not matter, if the user has stated one.
        sentences: In the report's language.
    """
    names = [sentences.label(each.name, len(each.runs), each.num_lost) for each in configurations]
    if not comparisons:
        return _means(configurations[:3], sentences)
    if len(comparisons) == 1:
        return [sentences.comparison(comparisons[0], names, margin)]
    differing = [each for each in comparisons if each.verdict.tells_apart]
    if not differing:
        smallest = statistics.median(each.detectable for each in comparisons)
        first = sentences.of("none_told_apart", num=len(names), n=comparisons[0].n, detectable=points(smallest))
        largest = max(comparisons, key=lambda each: abs(each.difference))
        return [first, sentences.comparison(largest, names, margin)]
    found = [sentences.of("told_apart", differing=len(differing), num=len(comparisons))]
    top = brackets[0] if brackets and brackets[0][0] == 0 else []
    if len(top) == 1 and len(names) > 1:
        found.append(sentences.of("first_alone", name=names[0], second=names[1]))
    elif top and len(top) < len(names):
        found.append(sentences.of("first_group", num=len(top), names=", ".join(names[index] for index in top)))
    surest = min(differing, key=lambda each: (each.p_adjusted, -abs(each.difference)))
    return [*found, sentences.comparison(surest, names, margin)][:3]


def _means(configurations: Sequence[Configuration], sentences: Sentences) -> list[str]:
    """A sentence a configuration, where nothing can be compared."""
    summaries = [(each.name, summarise(each.measured(TEST))) for each in configurations]
    return [
        sentences.of(
            "single",
            name=name,
            mean=f"{100 * summary['mean']:.2f}",
            low="?" if summary["low"] is None else f"{100 * summary['low']:.2f}",
            high="?" if summary["high"] is None else f"{100 * summary['high']:.2f}",
            n=len(summary["values"]),
        )
        for name, summary in summaries
        if summary is not None
    ]


def notes(
    configurations: Sequence[Configuration],
    comparisons: Sequence[Comparison],
    chosen_baseline: str | None,
    sentences: Sentences,
) -> list[str]:
    """What a reader has to know before any number.

    Args:
        configurations: In the order of the report.
        comparisons: Of them.
        chosen_baseline: The configuration that all are compared with since there are too many pairs, if so.
        sentences: In the report's language.
    """
    found = []
    if chosen_baseline is not None:
        found.append(sentences.of("family", name=chosen_baseline))
    fewest = min((len(each.measured(TEST)) for each in configurations), default=0)
    if fewest < 2 and not comparisons:
        found.append(sentences.of("one_seed"))
    elif fewest < ENOUGH_SEEDS and comparisons:
        detectable = points(statistics.median(each.detectable for each in comparisons))
        found.append(sentences.of("few_seeds", n=fewest, detectable=detectable))
    for each in configurations:
        if each.num_lost and each.measured(TEST):
            found.append(sentences.of("survivors", name=each.name, lost=each.num_lost, total=len(each.runs)))
    fallbacks = [str(run.result["data"].get("name")) for each in configurations for run in each.runs
                 if "instead_of" in run.result["data"]]  # fmt: skip
    found += [sentences.of("fallback", count=fallbacks.count(name), name=name) for name in dict.fromkeys(fallbacks)]
    means = [statistics.fmean(values.values()) for each in configurations if (values := each.measured(TEST))]
    if any(mean > DOUBTFUL for mean in means):
        found.append(sentences.of("doubtful"))
    return found


def compares_defaults(configurations: Sequence[Configuration]) -> bool:
    """Whether parts of the training are compared, and each at one learning rate, which suits some more than others."""
    names = {name for each in configurations for name in each.values}
    return bool(names & TUNABLE) and "optimizer.lr" not in names

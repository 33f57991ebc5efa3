"""The sentences at the top of a report: what was found, and what a reader has to know before any number."""

import statistics
from collections.abc import Sequence

from cnnlab.metrics import ACCURACY
from cnnlab.report.comparisons import Comparison, Verdict
from cnnlab.report.configurations import Configuration, data_files
from cnnlab.report.runs import Run
from cnnlab.report.sentences import Sentences, points
from cnnlab.report.summaries import summarise

TEST = ACCURACY.of("test")
ENOUGH_SEEDS = 10
MOST_NAMES = 12  # in a sentence
MOST_SURVIVORS = 4  # with a sentence each
TUNABLE = {"activation", "init", "pool", "loss", "optimizer", "model"}  # whose best learning rates differ
RATE = "optimizer.lr"
DOUBTFUL = 0.9985  # above, MNIST's own labels are in doubt
DOUBTFUL_DATA = ("mnist", 10_000)  # whose labels were looked at: name, test images


def headline(
    configurations: Sequence[Configuration],
    comparisons: Sequence[Comparison],
    brackets: Sequence[Sequence[int]],
    margin: float | None,
    baseline: str | None,
    sentences: Sentences,
) -> list[str]:
    """The most important sentences, at most three.

    Args:
        configurations: In the order of the report.
        comparisons: Of them.
        brackets: Of those that cannot be told apart.
        margin: A difference that does not matter, if the user has stated one.
        baseline: The configuration with which all others are compared; None for all pairs.
        sentences: In the report's language.
    """
    names = [sentences.label(each.name, len(each.runs), each.num_lost) for each in configurations]
    if not comparisons:
        return _means(configurations[:3], sentences)
    if len(comparisons) == 1:
        return [sentences.comparison(comparisons[0], names, margin)]
    equivalences = _equivalences(comparisons, margin, sentences)
    differing = [each for each in comparisons if each.verdict.tells_apart]
    undecided = [each for each in comparisons if each.verdict is Verdict.UNDECIDED]
    if differing:
        told = sentences.of("told_apart", differing=len(differing), num=len(comparisons))
        top = _top(names, brackets, sentences)
        return [told, *equivalences, *top, sentences.comparison(_most_telling(differing), names, margin)][:3]
    if undecided:
        largest = max(undecided, key=lambda each: abs(each.difference))
        none = _none_told_apart(comparisons, baseline, sentences)
        return [none, *equivalences, sentences.comparison(largest, names, margin)]
    largest = max(comparisons, key=lambda each: abs(each.difference))
    return [*equivalences, sentences.comparison(largest, names, margin)]


def _most_telling(differing: Sequence[Comparison]) -> Comparison:
    """The best on validation data with the first in their order that it differs from; else the surest difference."""
    of_best = [each for each in differing if 0 in (each.first, each.second)]
    if of_best:
        return min(of_best, key=lambda each: max(each.first, each.second))
    return min(differing, key=lambda each: (each.p_adjusted, -abs(each.difference)))


def _equivalences(comparisons: Sequence[Comparison], margin: float | None, sentences: Sentences) -> list[str]:
    """How many comparisons end in equivalence; nothing if none does."""
    num = sum(each.verdict is Verdict.EQUIVALENT for each in comparisons)
    if margin is None or not num:
        return []
    if num == len(comparisons):
        compared = {index for each in comparisons for index in (each.first, each.second)}
        return [sentences.of("all_equivalent", num=len(compared), total=num, margin=points(margin))]
    return [sentences.of("some_equivalent", equivalent=num, total=len(comparisons), margin=points(margin))]


def _top(names: Sequence[str], brackets: Sequence[Sequence[int]], sentences: Sentences) -> list[str]:
    """Which ones the best on validation data cannot be told apart from."""
    top = brackets[0] if brackets and brackets[0][0] == 0 else []
    if len(top) == 1 and len(brackets) > 1:
        return [sentences.of("first_alone", name=names[0], second=names[brackets[1][0]])]
    if 1 < len(top) < len(names):
        listed = sentences.names([names[index] for index in top], MOST_NAMES)
        return [sentences.of("first_group", num=len(top), names=listed)]
    return []


def _none_told_apart(comparisons: Sequence[Comparison], baseline: str | None, sentences: Sentences) -> str:
    values = {
        "seeds": sentences.seeds([each.n for each in comparisons]),
        "detectable": points(statistics.median(each.detectable for each in comparisons)),
    }
    if baseline is not None:
        return sentences.of("none_against", baseline=baseline, n=len(comparisons), **values)
    compared = {index for each in comparisons for index in (each.first, each.second)}
    return sentences.of("none_told_apart", num=len(compared), **values)


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
    is_planned: bool,
    sentences: Sentences,
) -> list[str]:
    """What a reader has to know before any number.

    Args:
        configurations: In the order of the report.
        comparisons: Of them.
        chosen_baseline: The configuration that all are compared with since there are too many pairs, if so.
        is_planned: Whether a first stage has decided on the number of seeds.
        sentences: In the report's language.
    """
    found = []
    if chosen_baseline is not None:
        found.append(sentences.of("family", name=chosen_baseline))
    found += _of_seeds(configurations, comparisons, is_planned, sentences)
    found += _of_survivors([each for each in configurations if each.num_lost and each.measured(TEST)], sentences)
    found += _of_data([run for each in configurations for run in each.runs], sentences)
    if any(_is_in_doubt(each) for each in configurations):
        found.append(sentences.of("doubtful"))
    return found


def _is_in_doubt(configuration: Configuration) -> bool:
    """Whether so few of MNIST's test images are wrong that their labels may be."""
    values = configuration.measured(TEST)
    used = [run.result["data"] for run in configuration.runs]
    is_mnist = all((data.get("name"), data.get("test")) == DOUBTFUL_DATA for data in used)
    return is_mnist and bool(values) and statistics.fmean(values.values()) > DOUBTFUL


def _of_seeds(
    configurations: Sequence[Configuration], comparisons: Sequence[Comparison], is_planned: bool, sentences: Sentences
) -> list[str]:
    """Whether there are enough, which configurations have too few to be compared, and whether they do anything."""
    found = []
    measured = [each.measured(TEST) for each in configurations]
    most = max(map(len, measured), default=0)
    if most == 0:
        found.append(sentences.of("no_result"))
    elif most == 1:
        found.append(sentences.of("one_seed"))
    elif comparisons and not is_planned and min(each.n for each in comparisons) < ENOUGH_SEEDS:
        detectable = points(statistics.median(each.detectable for each in comparisons))
        seeds = sentences.seeds([each.n for each in comparisons])
        found += [sentences.of("few_seeds", seeds=seeds, detectable=detectable)] if float(detectable) else []
    alone = [each.name for each, values in zip(configurations, measured, strict=True) if len(values) < 2]
    if most > 1 and alone:
        found.append(sentences.of("not_compared", names=sentences.names(alone, MOST_NAMES)))
    seen = zip(configurations, measured, strict=True)
    constant = [each.name for each, values in seen if len(values) > 1 and len(set(values.values())) == 1]
    if constant:
        found.append(sentences.of("constant", names=sentences.names(constant, MOST_NAMES)))
    return found


def _of_survivors(configurations: Sequence[Configuration], sentences: Sentences) -> list[str]:
    """Whose means flatter; a sentence each, if there are a few."""
    if len(configurations) > MOST_SURVIVORS:
        names = sentences.names([each.name for each in configurations], MOST_SURVIVORS)
        lost, total = (sum(counts) for counts in zip(*((c.num_lost, len(c.runs)) for c in configurations), strict=True))
        return [sentences.of("many_survivors", n=len(configurations), lost=lost, total=total, names=names)]
    return [
        sentences.of("survivors", name=each.name, lost=each.num_lost, total=len(each.runs)) for each in configurations
    ]


def _of_data(runs: Sequence[Run], sentences: Sentences) -> list[str]:
    """Runs that used other data than requested, and whether all used the same."""
    fallbacks = [str(run.result["data"].get("name")) for run in runs if "instead_of" in run.result["data"]]
    found = [sentences.of("fallback", count=fallbacks.count(name), name=name) for name in dict.fromkeys(fallbacks)]
    used = {(str(run.result["data"].get("name")), data_files(run)) for run in runs if run.metric(TEST) is not None}
    if len(used) > 1:
        found.append(sentences.of("data_differs", names=", ".join(sorted({name for name, _ in used}))))
    return found


def compares_defaults(configurations: Sequence[Configuration]) -> bool:
    """Whether parts of the training are compared, each at the learning rate of its optimiser's file."""
    return _compares_parts(configurations) and not any(
        RATE in run.typed for each in configurations for run in each.runs
    )


def common_rate(configurations: Sequence[Configuration]) -> str | None:
    """The learning rate that was typed for all runs, if parts of the training are compared at it; else None.

    Args:
        configurations: Of a sweep that was not tuned.
    """
    typed = {run.typed.get(RATE) for each in configurations for run in each.runs}
    return typed.pop() if len(typed) == 1 and _compares_parts(configurations) else None


def _compares_parts(configurations: Sequence[Configuration]) -> bool:
    """Whether options are compared whose best learning rates differ, and the rate is not varied with them."""
    names = {name for each in configurations for name in each.values}
    return bool(names & TUNABLE) and RATE not in names

"""The sentences of a report: numbers into words."""

from collections.abc import Sequence

from cnnlab.report.comparisons import DEFAULT_MARGIN, Comparison, Verdict
from cnnlab.report.messages import Texts


class Sentences:
    """Sentences in one language.

    Args:
        language: `"en"` or `"ko"`.
    """

    def __init__(self, language: str) -> None:
        self.language = language
        self._texts = Texts(language)

    def of(self, key: str, **values: object) -> str:
        """A sentence with values.

        Args:
            key: Its key in messages.yaml, without `sentence.`.
            values: Of its places.
        """
        return self._texts(f"sentence.{key}", **values)

    def label(self, name: str, num_runs: int, num_lost: int) -> str:
        """A configuration's name, marked where its mean is one over survivors.

        Args:
            name: Its name.
            num_runs: How many runs it has.
            num_lost: How many of them diverged or failed.
        """
        return self.of("survivors_label", name=name, n=num_runs - num_lost, total=num_runs) if num_lost else name

    def comparison(self, comparison: Comparison, names: Sequence[str], margin: float | None) -> str:
        """What a comparison says.

        Args:
            comparison: Of accuracies, as fractions.
            names: Of all configurations.
            margin: The user's, if any.
        """
        first, second = names[comparison.first], names[comparison.second]
        difference, low, high = comparison.difference, comparison.low, comparison.high
        key: str = comparison.verdict
        if comparison.verdict is Verdict.WORSE:
            first, second, key = second, first, Verdict.BETTER
            difference, low, high = -difference, -high, -low
        text = self.of(
            key,
            first=first,
            second=second,
            difference=points(difference),
            low=points(low),
            high=points(high),
            n=comparison.n,
            margin=points(DEFAULT_MARGIN if margin is None else margin),
            detectable=points(comparison.detectable),
            needed=f"{comparison.needed_seeds:,}",
        )
        text += "" if comparison.is_paired else self.of("unpaired")
        for name, count in comparison.other_code.items():
            text += self.of("other_code", count=count, n=comparison.n, name=name)
        return text

    def seeds(self, counts: Sequence[int]) -> str:
        """How many seeds there are: `5 seeds`, or `3 to 10 seeds`.

        Args:
            counts: Of each comparison.
        """
        fewest, most = min(counts), max(counts)
        return self.of("seeds", n=most) if fewest == most else self.of("seeds_between", fewest=fewest, most=most)

    def names(self, names: Sequence[str], most: int) -> str:
        """Names in a sentence: the first ones, and how many more there are.

        Args:
            names: Any.
            most: How many are named.
        """
        listed = ("; " if any("," in name for name in names) else ", ").join(names[:most])
        return listed if len(names) <= most else self.of("more_names", names=listed, n=len(names) - most)


def points(fraction: float, *, sign: bool = False) -> str:
    """A difference of accuracies in percentage points, with two decimals and a true minus; what rounds to 0 has none.

    Args:
        fraction: Of all images.
        sign: Whether what is positive has a plus.
    """
    text = f"{100 * fraction:{'+' if sign else ''}.2f}"
    return "0.00" if text.lstrip("+-") == "0.00" else text.replace("-", "\N{MINUS SIGN}")

"""The sentences of a report, in English and Korean: numbers into words."""

from collections.abc import Sequence

from cnnlab.report.comparisons import DEFAULT_MARGIN, Comparison, Verdict

ENGLISH = {
    "better": "{first} beats {second} by {difference} points [{low}, {high}], n = {n}",
    "equivalent": "{first} and {second} are equivalent within {margin} points: they differ by {difference} "
    "[{low}, {high}], n = {n}",
    "undecided": "{first} and {second}: not told apart ({difference} points [{low}, {high}], n = {n}); a difference of "
    "{detectable} points would have been seen with 80 % power; about {needed} seeds each would show {margin}",
    "unpaired": " (unpaired: no common seeds)",
    "survivors": "{name}: {lost} of {total} runs diverged or failed; its mean is that of the others alone",
    "survivors_label": "{name} ({n} of {total} runs)",
    "told_apart": "{differing} of {num} comparisons tell two configurations apart, with at most 5 % risk of any false "
    "verdict among them",
    "none_told_apart": "no two of the {num} configurations can be told apart; the smallest difference that {n} seeds "
    "would have shown with 80 % power is {detectable} points",
    "first_alone": "{name}, the best on validation data, is told apart from the next one, {second}",
    "first_group": "the first {num} in the order of validation accuracy cannot be told apart: {names}",
    "single": "{name}: test accuracy {mean} % [{low}, {high}], n = {n}",
    "one_seed": "one seed says nothing about chance: run more, at least 10 (seed=range(0,10))",
    "defaults": "compares defaults, not methods: each option has the values of its own file, tuned for nothing",
    "fallback": "{count} runs used {name}: the requested data was unavailable",
    "versions": "runs differ in {name}: {values}",
    "few_seeds": "{n} seeds a configuration: differences below {detectable} points are not seen; use 10, better 20",
    "doubtful": "above 99.85 %, about 10 of MNIST's 10,000 test labels are themselves doubtful",
    "unmeasured": "{count} runs have not completed and are only counted: {what}",
    "family": "too many configurations for all pairs; each is compared with {name}, the best on validation data",
}
KOREAN = {
    "better": "{first} > {second}: {difference}%p 더 높음 [{low}, {high}], n = {n}",
    "equivalent": "{first}, {second}: 차이가 {margin}%p 이내로 동등함 (차이 {difference}%p [{low}, {high}], n = {n})",
    "undecided": "{first}, {second}: 구별되지 않음 ({difference}%p [{low}, {high}], n = {n}); 검정력 80 %로 "
    "{detectable}%p의 차이를 발견할 수 있었음; {margin}%p를 보이려면 시드가 각각 약 {needed}개 필요함",
    "unpaired": " (공통 시드가 없어 짝을 짓지 않음)",
    "survivors": "{name}: 실행 {total}개 중 {lost}개가 발산하거나 실패함; 평균은 나머지 실행만의 평균임",
    "survivors_label": "{name} (실행 {total}개 중 {n}개)",
    "told_apart": "비교 {num}개 중 {differing}개에서 차이가 확인됨 (그중 하나라도 틀릴 위험은 5 % 이하)",
    "none_told_apart": "설정 {num}개 중 어느 둘도 구별되지 않음; 시드 {n}개로 검정력 80 %에서 보일 수 있는 최소 차이는 "
    "{detectable}%p",
    "first_alone": "검증 데이터에서 가장 좋은 {name}은(는) 그다음 {second}와(과) 구별됨",
    "first_group": "검증 정확도 순으로 처음 {num}개는 서로 구별되지 않음: {names}",
    "single": "{name}: 테스트 정확도 {mean} % [{low}, {high}], n = {n}",
    "one_seed": "시드 하나로는 우연을 알 수 없음: 10개 이상 실행할 것 (seed=range(0,10))",
    "defaults": "방법이 아니라 기본값을 비교함: 각 옵션은 자신의 파일에 있는 값을 그대로 씀",
    "fallback": "{count}개 실행이 {name} 데이터를 사용함: 요청한 데이터를 쓸 수 없었음",
    "versions": "실행마다 {name}이(가) 다름: {values}",
    "few_seeds": "설정마다 시드 {n}개: {detectable}%p보다 작은 차이는 보이지 않음; 10개, 되도록 20개를 쓸 것",
    "doubtful": "99.85 %를 넘으면 MNIST 테스트 레이블 10,000개 중 약 10개가 그 자체로 의심스러움",
    "unmeasured": "{count}개 실행은 완료되지 않아 개수만 셈: {what}",
    "family": "설정이 너무 많아 모든 쌍을 비교하지 않음; 검증 데이터에서 가장 좋은 {name}와(과)만 비교함",
}
LANGUAGES = {"en": ENGLISH, "ko": KOREAN}


class Sentences:
    """Sentences in one language.

    Args:
        language: `"en"` or `"ko"`.
    """

    def __init__(self, language: str) -> None:
        self._texts = LANGUAGES[language]

    def of(self, key: str, **values: object) -> str:
        """A sentence with values.

        Args:
            key: Its key in `ENGLISH`.
            values: Of its places.
        """
        return self._texts[key].format(**values)

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
        return text if comparison.is_paired else text + self.of("unpaired")


def points(fraction: float) -> str:
    """A difference of accuracies in percentage points, with two decimals or, below a tenth, two digits.

    Args:
        fraction: Of all images.
    """
    value = 100 * fraction
    return f"{value:.2f}" if abs(value) >= 0.095 or value == 0 else f"{value:.2g}"

"""The texts of reports: the same in every language."""

import re
import string
from pathlib import Path

import pytest

import cnnlab.report
from cnnlab.report import messages
from cnnlab.report.messages import LANGUAGES, Texts, read_messages

SOURCES = [
    path.read_text(encoding="utf-8")
    for path in Path(cnnlab.report.__file__).parent.rglob("*")
    if path.suffix in (".py", ".j2")
]


def placeholders(message: str | list[str]) -> list[set[str]]:
    texts = [message] if isinstance(message, str) else message
    return [{name for _, name, _, _ in string.Formatter().parse(text) if name} for text in texts]


def test_a_message_has_every_language_with_the_same_placeholders():
    for key, message in read_messages().items():
        assert set(message) == set(LANGUAGES), key
        every = [names for language in LANGUAGES for names in placeholders(message[language])]
        assert all(names == every[0] for names in every), key
        assert all(message.values()), key


def test_a_key_stands_once():
    lines = Path(messages.__file__).with_name("messages.yaml").read_text(encoding="utf-8").splitlines()
    keys = [line.partition(":")[0] for line in lines if line and not line.startswith("#")]
    assert sorted(keys) == sorted(read_messages())


def test_no_korean_message_is_left_in_english():
    same = {key for key, message in read_messages().items() if message["en"] == message["ko"]}
    assert same == {
        "fact.n",
        "column.rank",
        "column.n",
        "provenance.file",
        "cell.pair",
        "cell.unpaired",
        "cell.survivors",
        "provenance.hash",
        "terminal.n",
    }


def test_every_key_in_the_code_is_a_message():
    keys = {key for source in SOURCES for key in re.findall(r"""texts\(["']([\w.]+)["']""", source)}
    assert len(keys) > 50
    assert keys <= set(read_messages())


def test_every_message_has_a_place_in_the_code():
    code = "\n".join(SOURCES)
    formed = re.findall(r"""f["']([\w.]*)\{""", code)  # f"caption.{name}" stands for all captions
    prefixes = tuple(prefix for prefix in formed if prefix.endswith((".", "_")))
    unused = {key for key in read_messages() if f'"{key}"' not in code and not key.startswith(prefixes)}
    assert unused <= {"axis.train_error", "axis.val_error", "axis.test_error", "legend.test_mean"}


def test_a_number_decides_between_singular_and_plural_and_gets_separators():
    texts = Texts("en")
    assert [texts("runs", n=n) for n in (0, 1, 2, 10000)] == ["0 runs", "1 run", "2 runs", "10,000 runs"]


def test_two_words_of_a_message_are_chosen_by_its_own_numbers():
    texts = Texts("en")
    assert texts("sentence.told_apart", differing=1, num=1).startswith("1 of 1 comparison tells two")
    assert texts("sentence.told_apart", differing=1, num=3).startswith("1 of 3 comparisons tells two")
    assert texts("sentence.told_apart", differing=2, num=1081).startswith("2 of 1,081 comparisons tell two")
    assert texts("sentence.told_apart", differing=0, num=3).startswith("0 of 3 comparisons tell two")


def rendered(message: str | list[str], number: int) -> list[str]:
    texts = [message] if isinstance(message, str) else [message[0 if number == 1 else 1]]
    return [messages.Plurals().format(text, **dict.fromkeys(placeholders(text)[0], number)) for text in texts]


def test_every_english_message_is_right_for_one_and_for_many():
    """With 1 in every place no plural noun or verb follows a number; with 2 no singular noun that has both forms."""
    nouns = r"(?:runs|seeds|comparisons|configurations|rows|folders|epochs|images|results|shares|lines|columns|values)"
    for key, message in read_messages().items():
        for text in rendered(message["en"], 1):
            found = re.findall(
                rf"\b1 (?:completed |varied |test |other )*{nouns}\b|\b1 (?!points)\w+ (?:tell|end|differ|are)\b", text
            )
            assert not found or key in ONLY_MANY, (key, text)
        for text in rendered(message["en"], 2):
            found = re.findall(
                rf"\b2 (?:completed |varied |test |other )*{nouns.replace('s|', '|').replace('s)', ')')}\b", text
            )
            assert not found, (key, text)


# never with one: a figure is cut, or a group is one, from three on; images are thousands
ONLY_MANY = {
    *(key for key in read_messages() if key.startswith("drawn_of.")),
    *(
        "fact.compared_text",
        "fact.data_text",
        "caption.contested",
        "caption.contested_tied",
        "sentence.seeds_between",
        "sentence.many_survivors",
    ),
    "each_alone",
    *("sentence.none_told_apart", "sentence.all_equivalent"),
}


def test_no_korean_particle_follows_a_name_whose_end_is_unknown():
    particles = r"\}(?:은|는|이|가|을|를|과|와|으로|로)(?:\(|[ ,.;:]|$)"
    numbers = {"seeds", "n"}  # end in a counter, whose particle is known
    for key, message in read_messages().items():
        for text in [message["ko"]] if isinstance(message["ko"], str) else message["ko"]:
            found = [match for match in re.finditer(r"\{(\w+)" + particles, text) if match[1] not in numbers]
            assert not found, (key, text)


def test_korean_has_no_space_before_a_per_cent_sign_and_one_style():
    assert Texts("ko")("percent", value="97") == "97%"
    assert Texts("en")("percent", value="97") == "97\N{NO-BREAK SPACE}%"
    for key, message in read_messages().items():
        text = message["ko"]
        assert not re.search(r"습니다|입니다|합니다|십시오", str(text)), key


def test_a_name_with_braces_is_no_placeholder():
    assert Texts("en")("provenance.hash", name="{hash} {0}", hash="ab") == "{hash} {0}, sha256 ab"


def test_an_unknown_language_is_refused():
    with pytest.raises(ValueError, match="'fr' is none of en, ko"):
        Texts("fr")

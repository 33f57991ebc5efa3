"""Every text of every study, in both languages: what is claimed, named and shown has its words."""

import re
import shlex
import string

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser

from cnnlab.lecture.studies import STUDIES
from cnnlab.lecture.texts import FOLDER, Words, read_texts
from cnnlab.report.messages import LANGUAGES

HANGUL = re.compile(r"[가-힣]")


def leaves(value, path=()):
    """All texts that have languages, by their place."""
    if isinstance(value, dict):
        if LANGUAGES[0] in value:
            yield ".".join(map(str, path)), value
        else:
            for name, item in value.items():
                yield from leaves(item, (*path, name))
    elif isinstance(value, list):
        for number, item in enumerate(value):
            yield from leaves(item, (*path, number))


def placeholders(text):
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


def test_each_file_is_of_a_study():
    assert {path.stem for path in FOLDER.glob("*.yaml")} == {study.name for study in STUDIES}


def test_claims_have_unique_names():
    names = [claim.name for study in STUDIES for claim in study.claims]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("study", STUDIES, ids=lambda study: study.name)
def test_each_text_is_in_every_language(study):
    for place, texts in leaves(read_texts(study.name)):
        assert texts.keys() == set(LANGUAGES), place
        english, korean = texts["en"], texts["ko"]
        assert bool(english.strip()) == bool(korean.strip()), place
        assert not HANGUL.search(english), place
        if place.startswith("words."):
            assert placeholders(english) == placeholders(korean), place
        if len(re.findall(r"\b[a-z]{4,}\b", english)) > 1:
            assert HANGUL.search(korean) or "$" in korean, f"{place}: not Korean"


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("study", STUDIES, ids=lambda study: study.name)
def test_each_claim_has_words_and_a_rule(study, language):
    texts = Words(study.name, language).texts
    assert texts["title"]
    assert texts["claims"].keys() == {claim.name for claim in study.claims}
    for claim in study.claims:
        assert {"words", "rule"} <= texts["claims"][claim.name].keys() <= {"words", "rule", "note"}, claim.name
        assert set(claim.conditions) <= texts["conditions"].keys(), claim.name


@pytest.mark.parametrize("study", STUDIES, ids=lambda study: study.name)
def test_each_exercise_has_a_command_that_can_be_typed(study):
    exercises = Words(study.name, "en").texts["exercises"]
    assert len(exercises) >= 2
    for exercise in exercises:
        assert exercise.keys() == {"question", "command", "answer"}
        for line in exercise["command"].strip().splitlines():
            program, *arguments = shlex.split(line, comments=True)
            if program == "python" and arguments[0] == "train.py":
                OverridesParser.create().parse_overrides([each for each in arguments[1:] if each != "-m"])

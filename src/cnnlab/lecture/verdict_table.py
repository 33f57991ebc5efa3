"""The verdicts at a glance: as a table for a terminal, and in Markdown for the README."""

import re
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from cnnlab.lecture.page.claims import chip


def rows(content: dict[str, Any], language: str) -> list[tuple[str, str, str]]:
    """Of each claim the section's title, the lecture's words, and the verdict with its sign.

    Args:
        content: As `cnnlab.lecture.content.build` makes it.
        language: `en` or `ko`.
    """
    found = []
    for section in content["sections"]:
        texts = section[language]["texts"]
        for claim in section["claims"]:
            verdict = chip(claim["verdict"])
            words = str(getattr(verdict["words"], language))
            found.append((texts["title"], texts["claims"][claim["name"]]["words"], f"{verdict['sign']} {words}"))
    return found


def print_verdicts(content: dict[str, Any], language: str = "en") -> None:
    """Prints the table, with each section's title once, and what to do about undecided claims.

    Args:
        content: As for `rows`.
        language: `en` or `ko`.
    """
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(no_wrap=True)
    table.add_column()
    before = None
    for title, words, verdict in rows(content, language):
        if title != before:
            table.add_row("", Text(title if before is None else f"\n{title}", style="bold"))
        table.add_row(verdict, Text(_plain(words)))
        before = title
    Console(soft_wrap=False).print(table)
    if num := _num_undecided(content):
        print(f"{num} undecided with the default budget; make lecture BUDGET=long has more seeds")
        print("Adding seeds after this result is a second look, with its own 5 % risk of a false verdict.")


def as_markdown(content: dict[str, Any], language: str) -> str:
    """The table for a README.

    Args:
        content: As for `rows`.
        language: `en` or `ko`.
    """
    heads = {"en": ("Section", "The lecture claims", "Verdict"), "ko": ("절", "강의의 주장", "판정")}[language]
    lines = [f"| {' | '.join(heads)} |", "|---|---|---|"]
    before = None
    for title, words, verdict in rows(content, language):
        lines.append(f"| {title if title != before else ''} | {words.replace('|', '∣')} | {verdict} |")
        before = title
    return "\n".join(lines)


def _num_undecided(content: dict[str, Any]) -> int:
    """How many claims that were measured with the default budget are undecided."""
    measured = [section for section in content["sections"] if section["is_measured"]]
    verdicts = [
        claim["verdict"]
        for section in measured
        if section["provenance"]["budget"] == "default"
        for claim in section["claims"]
    ]
    return verdicts.count("undecided")


def _plain(words: str) -> str:
    """Without the marks of code and mathematics."""
    return re.sub(r"[`$]", "", words)

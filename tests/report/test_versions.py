"""Runs of different code: flagged, not averaged unasked, and where a difference may be the code's, said so."""

import json
from pathlib import Path
from typing import Any

import pytest

from cnnlab.report.content import Settings, build
from cnnlab.report.runs import read_runs
from cnnlab.report.tables import comparisons_csv
from cnnlab.report.write import write_report
from tests.report.results import result, write

ACCURACIES = {"adam": 0.98, "sgd": 0.95}


@pytest.fixture
def sweep(tmp_path: Path) -> Path:
    """Two optimisers, four seeds."""
    for optimizer, accuracy in ACCURACIES.items():
        for seed in range(4):
            folder = tmp_path / "sweep" / f"optimizer={optimizer},seed={seed}"
            write(folder, result(optimizer, seed, accuracy + 0.0003 * (seed * len(optimizer) % 5)))
    return tmp_path / "sweep"


def change(sweep: Path, pattern: str, **changes: Any) -> None:
    for path in sweep.glob(f"{pattern}/result.json"):
        path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def report(sweep: Path, settings: Settings) -> dict[str, Any]:
    return build(sweep, *read_runs(sweep), settings)


def names(content: dict[str, Any]) -> set[str]:
    return {each["name"] for each in content["configurations"]}


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("torch", {"versions": {"torch": "2.13.0"}}, {"versions": {"torch": "2.14.1"}}),
        ("cnnlab", {"versions": {"cnnlab": "0.1.0"}}, {"versions": {"cnnlab": "0.2.0"}}),
        ("kernels", {"machine": {"kernels": "cnnlab"}}, {"machine": {"kernels": "torch"}}),
    ],
)
def test_seeds_of_different_versions_are_not_averaged_unless_asked(sweep: Path, name: str, old: Any, new: Any):
    change(sweep, "*", **old)
    change(sweep, "optimizer=adam,seed=[23]", **new)
    (before,), (after,) = ([*each.values()] for each in (next(iter(old.values())), next(iter(new.values()))))
    content = report(sweep, Settings())
    assert names(content) == {f"{part}, {name}={value}" for part, value in
                              (("adam", before), ("adam", after), ("sgd", before))}  # fmt: skip
    assert [each["n"] for each in content["configurations"]] == [2, 2, 4]
    assert content["varied"] == ["optimizer", name]
    notes = " ".join(content["notes"])
    assert f"runs differ in {name}: " in notes
    assert "(2 runs of adam" in notes
    assert "--mix-versions averages them" in notes
    mixed = report(sweep, Settings(mix_versions=True))
    assert names(mixed) == {"adam", "sgd"}
    assert mixed["comparisons"][0]["n"] == 4
    assert "--mix-versions" in mixed["command"]
    assert "are averaged, as --mix-versions asks" in " ".join(mixed["notes"])
    assert f"2 of 4 seeds differ in {name} as well, which may be the reason" in mixed["comparisons"][0]["sentence"]


def test_a_sweep_that_was_resumed_after_a_commit_stays_one_and_says_so(sweep: Path):
    change(sweep, "*", commit="1111aaaa2222")
    change(sweep, "*,seed=3", commit="3333bbbb4444")
    content = report(sweep, Settings())
    assert names(content) == {"adam", "sgd"}
    note = "runs differ in commit: 1111aaaa2222 (6 runs of adam, sgd), 3333bbbb4444 (2 runs of adam, sgd)"
    assert note in content["notes"]
    assert content["comparisons"][0]["other_code"] == {}, "each seed of both ran with the same commit"
    assert not any("differ in commit as well" in note for note in content["notes"])


def test_a_commit_between_two_configurations_marks_their_comparison(sweep: Path):
    change(sweep, "optimizer=adam,*", commit="1111aaaa2222")
    change(sweep, "optimizer=sgd,*", commit="3333bbbb4444-dirty")
    content = write_report(sweep, Settings())
    (comparison,) = content["comparisons"]
    assert comparison["other_code"] == {"commit": 4}
    assert comparison["sentence"].endswith("; 4 of 4 seeds differ in commit as well, which may be the reason")
    assert content["headline"] == [comparison["sentence"]]
    assert any(note.startswith("in 1 of 1 comparison the two sides differ in commit") for note in content["notes"])
    assert any("-dirty had changes that were not committed" in note for note in content["notes"])
    assert comparisons_csv(content).splitlines()[1].endswith(",commit")
    page = (sweep / "report" / "index.html").read_text()
    assert "differs too, seeds" in page
    assert "commit, 4 of 4" in page


def test_configurations_of_other_versions_whose_names_do_not_say_so_are_marked(sweep: Path):
    change(sweep, "optimizer=adam,*", versions={"torch": "2.13.0"})
    change(sweep, "optimizer=sgd,*", versions={"torch": "2.14.1"})
    content = report(sweep, Settings())
    assert names(content) == {"adam", "sgd"}
    assert content["comparisons"][0]["other_code"] == {"torch": 4}


def test_configurations_without_common_seeds_are_marked_if_no_commit_is_common(sweep: Path):
    for seed in range(4):
        (sweep / f"optimizer=sgd,seed={seed}").rename(sweep / f"optimizer=sgd,seed={seed + 10}")
        path = sweep / f"optimizer=sgd,seed={seed + 10}" / "result.json"
        path.write_text(json.dumps(result("sgd", seed + 10, 0.95 + 0.0001 * seed)))
    change(sweep, "optimizer=adam,*", commit="1111aaaa2222")
    change(sweep, "optimizer=sgd,*", commit="3333bbbb4444")
    assert report(sweep, Settings())["comparisons"][0]["other_code"] == {"commit": 4}
    change(sweep, "optimizer=sgd,seed=10", commit="1111aaaa2222")
    assert report(sweep, Settings())["comparisons"][0]["other_code"] == {}


def test_runs_of_one_code_or_that_do_not_say_are_not_flagged(sweep: Path):
    change(sweep, "*", commit="1111aaaa2222", versions={"torch": "2.14.1"}, device="cuda:0")
    change(sweep, "*,seed=1", device="cuda:1")
    for path in sweep.glob("*,seed=0/result.json"):
        path.write_text(json.dumps({**json.loads(path.read_text()), "commit": None, "versions": "?", "machine": []}))
    content = report(sweep, Settings())
    assert names(content) == {"adam", "sgd"}
    assert not any("differ in" in note for note in content["notes"])


def test_a_version_that_computes_nothing_stands_with_the_provenance(sweep: Path):
    change(sweep, "*", versions={"python": "3.11.7"})
    change(sweep, "*,seed=1", versions={"python": "3.12.1"})
    content = report(sweep, Settings())
    assert content["provenance"]["warnings"] == ["runs differ in python: 3.11.7, 3.12.1"]
    assert not any("python" in note for note in content["notes"])

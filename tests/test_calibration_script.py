"""scripts/calibration.py, and the tables of docs/statistics.md that it prints."""

from pathlib import Path

import pytest

from cnnlab.report.inference.image_simulation import WORLDS
from scripts import calibration

DOCS = Path(__file__).resolve().parents[1] / "docs" / "statistics.md"


def cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip("|").split("|")]


def test_all_tables_are_printed_with_a_row_for_each_setting(capsys: pytest.CaptureFixture[str]):
    calibration.main(["--repetitions", "20"])
    tables = [table.splitlines() for table in capsys.readouterr().out.split("\n\n")]
    assert [len(table) for table in tables] == [2 + 2 * 4 * 4, 2 + 4 * 4, 2 + 2 * 4, 2 + 4 * 3]
    assert [{len(cells(line)) for line in table} for table in tables] == [{7}, {5}, {6}, {6}]


def test_the_documented_tables_have_the_same_settings_in_the_same_order():
    documented = [cells(line) for line in DOCS.read_text(encoding="utf-8").splitlines() if line.startswith("| ")]
    printed = [cells(line) for line in calibration.lines(repetitions=1) if line.startswith("| ")]
    assert [row[:3] for row in documented if row[0] in ("deviations", "equal", "real")] == [
        row[:3] for row in printed if row[0] in ("deviations", "equal", "real")
    ]
    baselines = ("deviations, the baseline's", *calibration.BASELINES)
    assert [row[:2] for row in documented if row[0] in baselines] == [row[:2] for row in printed if row[0] in baselines]
    assert [row[:2] for row in documented if row[0] in ("values", "normal", "skewed")] == [
        row[:2] for row in printed if row[0] in ("values", "normal", "skewed")
    ]
    assert [row[:2] for row in documented if row[0] in ("world", *WORLDS)] == [
        row[:2] for row in printed if row[0] in ("world", *WORLDS)
    ]


@pytest.mark.parametrize("setting", [("equal", 5, 0.25), ("real", 3, 0.0)])
def test_the_documented_numbers_are_measured(setting):
    documented = [cells(line) for line in DOCS.read_text(encoding="utf-8").splitlines() if line.startswith("| ")]
    [expected] = [row for row in documented if row[:3] == [str(value) for value in setting]]
    measured = cells(calibration.row(*setting, repetitions=10_000))
    assert [float(cell) for cell in measured[3:]] == pytest.approx([float(cell) for cell in expected[3:]], abs=0.3)


def test_the_documented_rates_against_a_baseline_are_measured():
    documented = [cells(line) for line in DOCS.read_text(encoding="utf-8").splitlines() if line.startswith("| ")]
    [expected] = [row for row in documented if row[:2] == ["real, 0.08", "5"]]
    measured = cells(calibration.baseline_row("real, 0.08", 5, repetitions=10_000))
    assert [float(cell) for cell in measured[2:]] == pytest.approx([float(cell) for cell in expected[2:]], abs=0.3)


def test_the_documented_coverage_is_measured():
    documented = [cells(line) for line in DOCS.read_text(encoding="utf-8").splitlines() if line.startswith("| ")]
    [expected] = [row for row in documented if row[:2] == ["skewed", "3"]]
    measured = cells(calibration.coverage_row(True, 3, repetitions=10_000))
    assert [float(cell) for cell in measured[2:]] == pytest.approx([float(cell) for cell in expected[2:]], abs=0.3)


def test_the_documented_coverage_for_new_images_is_measured():
    documented = [cells(line) for line in DOCS.read_text(encoding="utf-8").splitlines() if line.startswith("| ")]
    [expected] = [row for row in documented if row[:2] == ["seeds differ most", "5"]]
    measured = cells(calibration.images_row("seeds differ most", 5, repetitions=1_000))
    assert [float(cell) for cell in measured[2:]] == pytest.approx([float(cell) for cell in expected[2:]], abs=0.2)


def test_no_repetition_at_all_is_one_line_of_advice(capsys: pytest.CaptureFixture[str]):
    with pytest.raises(SystemExit) as ended:
        calibration.main(["--repetitions", "0"])
    assert ended.value.code == 2
    assert capsys.readouterr().err.splitlines()[-1].endswith("--repetitions=0 is too few; give at least 1")

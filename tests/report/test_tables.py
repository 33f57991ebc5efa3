"""A report's tables, from hand-made runs with predictions."""

import csv
import json
from pathlib import Path

import numpy as np

from cnnlab.report.content import Settings
from cnnlab.report.write import write_report
from tests.report.results import result, write

NUM_IMAGES = 200


def write_run(folder: Path, optimizer: str, seed: int, num_wrong: int, has_predictions: bool = True) -> None:
    """A run that errs on its first images, shifted by its seed."""
    label = np.arange(NUM_IMAGES, dtype=np.uint8) % 10
    wrong = (np.arange(NUM_IMAGES) - seed) % NUM_IMAGES < num_wrong
    accuracy = 1 - num_wrong / NUM_IMAGES
    fingerprint = f"{optimizer}{seed:04x}"
    path = write(folder / f"{optimizer},{seed}", result(optimizer, seed, accuracy, fingerprint=fingerprint))
    if has_predictions:
        predicted = np.where(wrong, (label + 1) % 10, label).astype(np.uint8)
        np.savez(path / "predictions.npz", predicted=predicted, label=label, probability=np.full(NUM_IMAGES, 0.5))


def test_the_intervals_for_new_images_stand_in_comparisons_csv_as_in_report_json(tmp_path: Path):
    for seed in range(3):
        write_run(tmp_path, "adam", seed, 4 + seed)
        write_run(tmp_path, "sgd", seed, 20 + 2 * seed)
        write_run(tmp_path, "lion", seed, 12 - seed, has_predictions=False)
    comparisons = write_report(tmp_path, Settings())["comparisons"]
    with (tmp_path / "report" / "comparisons.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == len(comparisons) == 3
    for row, comparison in zip(rows, comparisons, strict=True):
        for part in ("images", "images_and_seeds"):
            ends = [row[f"{part}_{end}"] for end in ("low", "high")]
            if "lion" in (row["first"], row["second"]):
                assert ends == ["", ""]
            else:
                assert [float(end) for end in ends] == [comparison[part]["low"], comparison[part]["high"]]
                assert float(ends[0]) < float(row["difference"]) < float(ends[1])


def test_the_fingerprint_of_every_run_is_in_report_json_and_on_the_page_and_one_without_is_no_text(tmp_path: Path):
    for seed in (10, 9):
        write_run(tmp_path, "adam", seed, 4)
        write_run(tmp_path, "sgd", seed, 20 + seed)
    write(tmp_path / "sgd,8", result("sgd", 8, None, "failed", fingerprint="failed"))
    write(tmp_path / "sgd,7", result("sgd", 7, None, "failed"))
    write(tmp_path / "lion,7", result("lion", 7, 0.5))
    write_report(tmp_path, Settings())
    content = json.loads((tmp_path / "report" / "report.json").read_text())
    names = [each["name"] for each in content["configurations"]]
    found = {names[each["configuration"]]: each["by_seed"] for each in content["provenance"]["fingerprints"]}
    assert found == {
        "adam": {"9": "adam0009", "10": "adam000a"},
        "sgd": {"8": "failed", "9": "sgd0009", "10": "sgd000a"},
    }
    page = (tmp_path / "report" / "index.html").read_text()
    assert "<bdi>adam</bdi>: seed 9: adam0009, seed 10: adam000a</li>" in page.replace("\xa0", " ")


def test_a_machine_is_told_in_the_reports_language_with_whatever_else_is_recorded(tmp_path: Path):
    machines = [{"processor": "AMD EPYC", "threads": 1, "kernels": "cnnlab", "node": 3}, {"kernels": "torch"}, "?", {}]
    for seed, machine in enumerate(machines):
        write(tmp_path / f"{seed}", result("adam", seed, 0.9, machine=machine))
    for language, found in {
        "en": ["AMD EPYC, threads 1, kernels cnnlab, node 3", "kernels torch"],
        "ko": ["AMD EPYC, 스레드 1, 커널 cnnlab, node 3", "커널 torch"],
    }.items():
        assert write_report(tmp_path, Settings(language=language))["provenance"]["machines"] == found

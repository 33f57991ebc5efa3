"""The bench: its arithmetic by hand, and one real repetition on the packaged images."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from cnnlab.bench import Measurement, Setting, format_table, summarise
from cnnlab.bench.contenders import Epoch, PlainImages, PlainNet
from cnnlab.bench.floor import FORWARD, matmul_rate, multiply_adds
from cnnlab.nn import LectureNet
from tests.conftest import REPOSITORY


def test_the_arithmetic_is_what_torch_counts():
    network, images = PlainNet(), torch.randn(1, 1, 28, 28)
    with FlopCounterMode(display=False) as forward:
        network(images)
    assert forward.get_total_flops() == 2 * sum(FORWARD.values())
    with FlopCounterMode(display=False) as both:
        network(images).sum().backward()
    assert both.get_total_flops() == 2 * multiply_adds()


def test_the_plain_network_is_the_lectures():
    ours = LectureNet(torch.nn.ReLU, lambda: torch.nn.MaxPool2d(2)).eval()
    plain = PlainNet().eval()
    for mine, theirs in zip(ours.parameters(), plain.parameters(), strict=True):
        theirs.data.copy_(mine.data)
    images = torch.randn(9, 1, 28, 28)
    torch.testing.assert_close(plain(images), ours(images))


def test_plain_images_are_torchvisions(mnist_root: Path):
    from torchvision import datasets, transforms

    transform = transforms.Compose([transforms.ToTensor(), transforms.Normalize((0.1307,), (0.3081,))])
    theirs = datasets.MNIST(str(mnist_root), train=True, transform=transform)
    ours = PlainImages(theirs.data, theirs.targets, 0.1307, 0.3081)
    assert torch.equal(ours[7][0], theirs[7][0])
    assert ours[7][1] == theirs[7][1]


def test_ratios_are_medians_of_paired_repetitions():
    setting, repetitions = Setting(64, 2), []
    for plain, bare, lightning in ((20.0, 4.0, 5.0), (40.0, 8.0, 8.0), (24.0, 4.0, 4.0)):
        times = {"plain": plain, "bare": bare, "lightning": lightning, "floor": 2.0}
        for name, seconds in times.items():
            repetitions.append(Measurement(name, setting, Epoch(seconds - 1, 1.0, 1000), 0.1))
    rows = {row["contender"]: row for row in summarise(repetitions)}
    assert rows["lightning"]["speedup"]["median"] == 5.0
    assert rows["lightning"]["over_bare"]["median"] == 1.0
    assert rows["plain"]["epoch_s"]["median"] == 24.0
    assert rows["bare"]["step_ms"]["median"] == 3.0
    assert "speedup" not in rows["floor"]
    assert "5.00" in format_table(list(rows.values()))


def test_a_matmul_rate_is_positive():
    assert matmul_rate(64, 2) > 0


@pytest.mark.slow
def test_the_command_writes_a_table_a_file_and_a_chart(tmp_path: Path):
    command = ["scripts/bench.py", "--repetitions", "1", "--batch-sizes", "256", "--threads", "1", "--out", tmp_path]
    done = subprocess.run(
        [sys.executable, *map(str, command)], cwd=REPOSITORY, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    assert "cnnlab (Lightning)" in done.stdout
    content = json.loads((tmp_path / "bench.json").read_text())
    assert {row["contender"] for row in content["rows"]} == {"plain", "bare", "lightning", "floor"}
    assert content["machine"]["torch"] == torch.__version__
    assert (tmp_path / "bench.png").read_bytes().startswith(b"\x89PNG")


def test_a_number_that_makes_no_sense_is_refused():
    command = [sys.executable, "scripts/bench.py", "--threads", "0"]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, timeout=60)
    assert done.returncode == 2
    assert "--threads 0: give a number from 1 up" in done.stderr

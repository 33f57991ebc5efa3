from pathlib import Path

import pytest
import torch

from cnnlab import kernels
from cnnlab.bench import machine
from cnnlab.bench.machine import compiler_of, describe_machine, format_machine


def test_the_features_are_those_that_linux_lists():
    path = Path("/proc/cpuinfo")
    if not path.exists():
        pytest.skip("not Linux")
    text = path.read_text()
    found = describe_machine()
    assert all(f" {feature}" in text for feature in found["features"])
    assert ("avx2" in found["features"]) is (" avx2 " in text)
    assert found["processor"] in text


@pytest.mark.skipif(not kernels.available(), reason="there is no C compiler")
def test_the_vectors_are_those_of_the_compiled_kernels():
    found = describe_machine()
    bits = 512 if "avx512f" in found["features"] else 256 if "avx" in found["features"] else 128
    assert found["kernels"]["bits"] == bits
    assert f"vectors of {bits // 32} floats ({bits} bits)" in format_machine(found)


def test_without_kernels_it_says_whose_are_used(monkeypatch):
    monkeypatch.setattr(kernels, "available", lambda: False)
    found = describe_machine()
    assert found["kernels"] is None
    assert "none, torch's are used" in format_machine(found)


def test_what_limits_the_processor_is_told(monkeypatch):
    monkeypatch.setenv("ONEDNN_MAX_CPU_ISA", "AVX2")
    assert format_machine(describe_machine()).endswith("ONEDNN_MAX_CPU_ISA=AVX2")


def test_a_processor_that_is_not_described_does_no_harm(monkeypatch):
    monkeypatch.setattr(machine, "_cpu_info", dict)
    assert format_machine(describe_machine())
    assert describe_machine()["torch"] == torch.__version__


@pytest.mark.parametrize(
    ("comment", "compiler"),
    [
        (b"\0GCC: (Debian 12.2.0-14+deb12u1) 12.2.0\0", "GCC 12.2.0"),
        (b"\0GCC: (GNU) 13.1.1 20230614\0Debian clang version 14.0.6\0", "clang 14.0.6"),
        (b"nothing", None),
    ],
)
def test_the_compiler_is_named_in_the_library(comment: bytes, compiler: str | None):
    assert compiler_of(b"\x7fELF" + comment) == compiler

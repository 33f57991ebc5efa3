"""scripts/audit.py, without the network."""

import subprocess
from typing import Any

import pytest

from scripts import audit

SAFE = {"name": "torch", "version": "2.14.1", "vulns": []}
SKIPPED = {"name": "mine", "skip_reason": "Dependency not found on PyPI and could not be audited: mine (1.0)"}
VULNERABLE = {
    "name": "pillow",
    "version": "1.0",
    "vulns": [{"id": "PYSEC-1", "aliases": ["CVE-1"], "fix_versions": ["1.1", "2.0"]}],
}


@pytest.mark.parametrize(
    ("packages", "code", "text"),
    [
        ([SAFE], 0, "audit: 0 known vulnerabilities in 1 packages"),
        ([SAFE, SKIPPED], 0, "audit: 0 known vulnerabilities in 1 packages, 1 could not be audited"),
        ([SKIPPED, SKIPPED], 0, "audit: not done, since the index has no advisories"),
        ([SAFE, VULNERABLE], 1, "pillow 1.0: PYSEC-1, fixed in 1.1, 2.0\naudit: 1 known vulnerabilities in 2"),
    ],
)
def test_a_vulnerability_fails_and_an_audit_that_did_not_happen_says_so(packages: list[Any], code: int, text: str):
    found, shown = audit.judge({"dependencies": packages})
    assert found == code
    assert shown.startswith(text)


def test_an_accepted_advisory_does_not_fail(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(audit.ACCEPTED, "CVE-1", "the function is not called")
    assert audit.judge({"dependencies": [VULNERABLE]})[0] == 0


@pytest.mark.parametrize("outcome", ["no network", "hangs"])
def test_without_a_network_one_line_says_so(
    outcome: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    def run(command: list[str], **kwargs: Any) -> Any:
        if outcome == "hangs":
            raise subprocess.TimeoutExpired(command, kwargs["timeout"])
        return subprocess.CompletedProcess(command, 1, stdout="", stderr="Traceback\nConnectionError: refused\n")

    monkeypatch.setattr(subprocess, "run", run)
    assert audit.main() == 0
    assert capsys.readouterr().out.startswith("audit: not done")

"""python scripts/audit.py: known vulnerabilities of the versions in constraints.txt, by pip-audit.

It fails if there are any, and passes with a line that says so where PyPI's advisories cannot be read.
"""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

CONSTRAINTS = Path(__file__).resolve().parents[1] / "constraints.txt"
TIMEOUT_S = 120
ACCEPTED: dict[str, str] = {}  # the advisory's id to the reason why it does not concern this program


def main() -> int:
    """Audits, prints, and returns the exit code."""
    command = [sys.executable, "-m", "pip_audit", "--requirement", str(CONSTRAINTS), "--no-deps", "--disable-pip"]
    options = ["--format", "json", "--progress-spinner", "off", "--timeout", "10"]
    try:
        done = subprocess.run([*command, *options], capture_output=True, text=True, timeout=TIMEOUT_S, check=False)
        report = json.loads(done.stdout)
    except subprocess.TimeoutExpired:
        print(f"audit: not done, since PyPI's advisories did not answer in {TIMEOUT_S} s")
        return 0
    except ValueError:
        reason = (done.stderr.strip().splitlines() or ["no output"])[-1]
        print(f"audit: not done, since pip-audit could not read PyPI's advisories ({reason})")
        return 0
    code, text = judge(report)
    print(text)
    return code


def judge(report: dict[str, Any]) -> tuple[int, str]:
    """The exit code and the text for a report of pip-audit.

    Args:
        report: Its JSON.
    """
    packages = report["dependencies"]
    audited = [package for package in packages if "skip_reason" not in package]
    if not audited:
        return 0, "audit: not done, since the index has no advisories for any of the packages (a mirror of PyPI?)"
    lines = [
        f"{package['name']} {package['version']}: {advisory['id']}, fixed in {', '.join(advisory['fix_versions'])}"
        for package in audited
        for advisory in package["vulns"]
        if not {advisory["id"], *advisory.get("aliases", [])} & set(ACCEPTED)
    ]
    skipped = f", {len(packages) - len(audited)} could not be audited" if len(audited) < len(packages) else ""
    summary = f"audit: {len(lines)} known vulnerabilities in {len(audited)} packages{skipped}"
    return (1 if lines else 0), "\n".join([*lines, summary])


if __name__ == "__main__":
    sys.exit(main())

"""python scripts/lecture.py [--only SECTIONS] [--budget default|long] …: the lecture's claims, measured.

Runs the experiments that are missing, judges every claim, and writes one page that opens offline: index.html, with a
file of numbers for each section beside it. The same command again continues what was interrupted.
"""

import argparse
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cnnlab.cli.output import safe_output
from cnnlab.cli.parser import Parser
from cnnlab.errors import UserError
from cnnlab.files import make_folder, user_path, write_atomically
from cnnlab.lecture.content import build
from cnnlab.lecture.make import measure
from cnnlab.lecture.network_runs import network_folders, run_networks
from cnnlab.lecture.page import render
from cnnlab.lecture.page.network_weights import live_texts, pack
from cnnlab.lecture.page.ready import embedded_network
from cnnlab.lecture.studies import STUDIES
from cnnlab.lecture.study import BUDGETS, Study
from cnnlab.lecture.verdict_table import as_markdown, print_verdicts
from cnnlab.report.messages import LANGUAGES
from cnnlab.run.folder import RunFolder
from cnnlab.run.status import Status
from cnnlab.signals import Interrupted, SignalGuard

REPOSITORY = Path(__file__).resolve().parents[1]
PROGRAM = REPOSITORY / "train.py"
READY = REPOSITORY / "docs" / "lecture"
NETWORK = "network"  # the part of the page that has no study


def main() -> None:
    """Measures, judges, writes."""
    parser = Parser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    outputs = REPOSITORY / "outputs"
    parser.add_argument("--only", metavar="SECTIONS", help="measure only these, such as init or init,pool")
    parser.add_argument("--budget", default="default", help=f"how much is measured: {', '.join(BUDGETS)}")
    parser.add_argument(
        "--run", type=user_path, help="a run of your own for the live network; without --only nothing is measured"
    )
    parser.add_argument("--out", type=user_path, default=outputs / "lecture", help="the folder to write")
    parser.add_argument("--sweeps", type=user_path, default=outputs / "sweeps", help="the folder of all sweeps")
    parser.add_argument("--table", choices=LANGUAGES, help="measure nothing, only print the verdicts, as Markdown")
    parser.add_argument("--no-runs", action="store_true", help="measure nothing, only write the page again")
    arguments = parser.parse_args()
    try:
        studies, has_networks = choose(arguments.only)
        if arguments.budget not in BUDGETS:
            raise UserError(f"--budget {arguments.budget} is not allowed; it must be one of {', '.join(BUDGETS)}")
        if arguments.table:
            print(as_markdown(build(arguments.out, READY, STUDIES, draw=False), arguments.table))
            return
        own = pack({own_name(arguments.run): arguments.run}) if arguments.run else None
        prepare(arguments.out)
        if not arguments.no_runs and not (own and arguments.only is None):
            budget = BUDGETS[arguments.budget]
            measure(studies, budget, PROGRAM, arguments.sweeps, arguments.out, print_line, READY)
            if has_networks:
                run_networks(PROGRAM, arguments.sweeps, arguments.out / "networks", print_line)
        write(arguments.out, arguments.sweeps, own)
    except UserError as error:
        parser.error(str(error))
    except Interrupted:
        print("interrupted; the same command continues", file=sys.stderr)
        raise


def choose(only: str | None) -> tuple[list[Study], bool]:
    """The studies that were asked for, in the order of the lecture, and whether the live network was.

    Args:
        only: Names with commas between them; None for all.

    Raises:
        UserError: If one does not exist.
    """
    names = [*(study.name for study in STUDIES), NETWORK]
    typed = names if only is None else [name.strip() for name in only.split(",")]
    for name in typed:
        if name not in names:
            allowed = ", ".join(names)
            raise UserError(f"ONLY={name} is not allowed; it must be one of {allowed}, with commas between several")
    return [study for study in STUDIES if study.name in typed], NETWORK in typed


def prepare(folder: Path) -> None:
    """Makes the folder to write, before anything is measured.

    Args:
        folder: The lecture's.

    Raises:
        UserError: If there is something else in its place, or above it.
    """
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        make_folder(folder)
    except OSError as error:
        raise UserError(f"cannot make the folder {folder} ({error.strerror}); give another --out") from None


def own_name(run: Path) -> str:
    """What the page calls a run of the user's, other than its own variants.

    Args:
        run: Its folder.
    """
    folder = run.resolve()
    is_taken = folder.name in live_texts()[LANGUAGES[0]]["variants"]
    return f"{folder.parent.name}/{folder.name}" if is_taken else folder.name


def live_network(folder: Path, sweeps: Path, own: dict[str, Any] | None) -> dict[str, Any] | None:
    """What the page's live network needs; None if no network was trained, and none comes with the repository.

    Args:
        folder: The lecture's.
        sweeps: The folder of all sweeps.
        own: The same of a run of the user's, whose network is shown first.
    """
    runs = network_folders(sweeps, folder / "networks")
    ready = READY / "index.html"
    if all(RunFolder(path).status is Status.COMPLETED for path in runs.values()):
        network: dict[str, Any] | None = pack(runs)
    else:
        network = embedded_network(ready.read_text(encoding="utf-8")) if ready.is_file() else None
    if network is None:
        return own
    if own is not None:
        network |= {"variants": [*own["variants"], *network["variants"]], "digits": own["digits"]}
    return network | {"texts": live_texts()}  # those of the page may be older than the scripts


def write(folder: Path, sweeps: Path, own: dict[str, Any] | None) -> None:
    """Writes the page from what is measured, and prints the verdicts.

    Args:
        folder: The lecture's.
        sweeps: The folder of all sweeps.
        own: What `pack` made of a run of the user's.
    """
    content = build(folder, READY if folder != READY else None, STUDIES)
    measured = [section["provenance"] for section in content["sections"] if section["is_measured"]]
    content["seconds"] = sum(provenance["seconds"] for provenance in measured)
    if len(budgets := {provenance["budget"] for provenance in measured}) == 1:
        content["budget"] = budgets.pop()
    content |= {
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "network": live_network(folder, sweeps, own),
    }
    try:
        write_atomically(folder / "index.html", render(content).encode())
    except OSError as error:
        raise UserError(f"cannot write {error.filename or folder} ({error.strerror}); free its place") from None
    print_verdicts(content)
    print(f"written: {folder / 'index.html'}")


def print_line(text: str) -> None:
    """A line with the time, at once.

    Args:
        text: The line.
    """
    print(f"{time.strftime('%H:%M:%S')} {text}", flush=True)


if __name__ == "__main__":
    with safe_output(), SignalGuard():
        main()

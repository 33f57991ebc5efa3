"""What a study has measured, as a file: `<study>.json`, small enough for the repository."""

import ast
import hashlib
import json
import sys
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cnnlab.errors import UserError
from cnnlab.experiment.folder import config_folder
from cnnlab.files import make_folder, read_text, write_atomically
from cnnlab.lecture.study import Budget, Measured, Study
from cnnlab.run.machine import commit, processor

SCHEMA = 1
NEEDED = {"budget", "created", "seconds", "machine", "commit", "sources", "effects", "data"}
PACKAGE = Path(__file__).parents[1]
WITH_EMPTY = {"show_empty": True} if sys.version_info >= (3, 13) else {}  # ast.dump's way before


def save(
    folder: Path,
    study: Study,
    budget: Budget,
    measured: Measured,
    seconds: float,
    diverged: Iterable[str] = (),
    tuned: str | None = None,
) -> None:
    """Writes what was measured, with what computed it and how long it took.

    Args:
        folder: The lecture's, such as outputs/lecture.
        study: Which.
        budget: With how much.
        measured: The numbers.
        seconds: Of the commands that made it: its runs and computations, a smaller budget's included.
        diverged: Runs that diverged, whose seeds are left out.
        tuned: When the full run was that chose the learning rates; None if they were chosen here, or none were.
    """
    content = {
        "schema": SCHEMA,
        "study": study.name,
        "budget": budget.name,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "seconds": round(seconds, 1),
        "machine": processor(),
        "commit": commit(),
        "sources": sources_digest(study),
        "diverged": sorted(diverged),
        "tuned": tuned,
        "effects": {
            claim: {name: list(values) for name, values in each.items()} for claim, each in measured.effects.items()
        },
        "data": measured.data,
    }
    make_folder(folder)
    write_atomically(folder / f"{study.name}.json", _as_text(content))


def save_tuning(folder: Path, sweep: str, record: dict[str, Any]) -> None:
    """Writes what a sweep has tried: a `tuning.json` that other sweeps may take over with `tuning.record`.

    Args:
        folder: The lecture's.
        sweep: Its name.
        record: The content of its `tuning.json`.
    """
    path = tuning_path(folder, sweep)
    make_folder(path.parent)
    write_atomically(path, _as_text(record))


def tuning_path(folder: Path, sweep: str) -> Path:
    """Where `save_tuning` writes."""
    return folder / "tuning" / f"{sweep}.json"


def _as_text(content: dict[str, Any]) -> bytes:
    return json.dumps(content, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()


def load(folder: Path, study: Study) -> dict[str, Any] | None:
    """What was stored of a study; None if there is nothing, or it is of another schema.

    Args:
        folder: Where `save` wrote.
        study: Which.

    Raises:
        UserError: If the file is damaged.
    """
    path = folder / f"{study.name}.json"
    if not path.is_file():
        return None
    try:
        content: dict[str, Any] = json.loads(read_text(path))
        if content["schema"] != SCHEMA:
            return None
        if missing := NEEDED - content.keys():
            raise KeyError(min(missing))
        return content
    except (ValueError, KeyError, TypeError) as error:
        raise UserError(f"{path} is damaged ({error}); remove it, and run make lecture ONLY={study.name}") from None


def sources_digest(study: Study) -> str:
    """A digest of the code that decides a study's numbers: its module, its sweeps, and what it names as sources.

    Comments and layout do not count, nor do docstrings.

    Args:
        study: Which.
    """
    digest = hashlib.sha256()
    for path in _sources(study):
        text = path.read_text(encoding="utf-8")
        digest.update(_code(text).encode() if path.suffix == ".py" else text.encode())
    return digest.hexdigest()


def _sources(study: Study) -> list[Path]:
    conf = config_folder()
    sweeps = (f"conf/sweep/{sweep}.yaml" for sweep in study.sweeps)
    paths = map(Path, (f"lecture/studies/{study.name}.py", *study.sources, *sweeps))
    return [conf / path.relative_to("conf") if path.parts[0] == "conf" else PACKAGE / path for path in paths]


def _code(text: str) -> str:
    """A module's syntax tree without docstrings, as text: in every version of Python that of 3.11."""
    tree = ast.parse(text)
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(node) is not None:
            node.body = node.body[1:]
        if not getattr(node, "type_params", True):  # since 3.12, of every function and class
            del node.type_params  # type: ignore[attr-defined]
    return ast.dump(tree, **WITH_EMPTY)

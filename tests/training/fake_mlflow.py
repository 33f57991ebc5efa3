"""The part of MLflow that Lightning's logger and ours use, over a JSON file: for tests where MLflow is not installed.

The tests that use it run against the real MLflow where it is installed.
"""

import json
import shutil
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from PIL import Image


class MlflowClient:
    def __init__(self, tracking_uri: str) -> None:
        self.file = Path(tracking_uri.removeprefix("sqlite:///"))

    def _state(self) -> dict[str, Any]:
        empty: dict[str, Any] = {"experiments": {}, "runs": {}}
        return json.loads(self.file.read_text()) if self.file.exists() else empty

    def _change(self, run_id: str, **changes: Any) -> None:
        state = self._state()
        state["runs"][run_id] |= changes
        self.file.write_text(json.dumps(state))

    def get_experiment_by_name(self, name: str) -> Any:
        known = self._state()["experiments"]
        return SimpleNamespace(experiment_id=known[name], lifecycle_stage="active") if name in known else None

    def create_experiment(self, name: str, artifact_location: str | None = None) -> str:
        state = self._state()
        state["experiments"][name] = str(len(state["experiments"]))
        self.file.write_text(json.dumps(state))
        return state["experiments"][name]

    def create_run(self, experiment_id: str, tags: dict[str, Any]) -> Any:
        state = self._state()
        run_id = f"{len(state['runs']):032x}"
        state["runs"][run_id] = {"experiment": experiment_id, "status": "RUNNING", "tags": tags, "metrics": [],
                                 "params": {}}  # fmt: skip
        self.file.write_text(json.dumps(state))
        return self.get_run(run_id)

    def get_run(self, run_id: str) -> Any:
        run = self._state()["runs"][run_id]
        info = SimpleNamespace(run_id=run_id, experiment_id=run["experiment"], lifecycle_stage="active",
                               status=run["status"], run_name=run["tags"].get("mlflow.runName"))  # fmt: skip
        metrics = {name: value for name, value, _ in run["metrics"]}
        return SimpleNamespace(info=info, data=SimpleNamespace(metrics=metrics, params=run["params"], tags=run["tags"]))

    def search_runs(self, experiment_ids: list[str]) -> list[Any]:
        runs = self._state()["runs"]
        return [self.get_run(run_id) for run_id in runs if runs[run_id]["experiment"] in experiment_ids]

    def get_metric_history(self, run_id: str, key: str) -> list[Any]:
        points = self._state()["runs"][run_id]["metrics"]
        return [SimpleNamespace(key=name, value=value, step=step) for name, value, step in points if name == key]

    def log_batch(self, run_id: str, metrics: Any = (), params: Any = ()) -> None:
        run = self._state()["runs"][run_id]
        self._change(
            run_id,
            metrics=[*run["metrics"], *([metric.key, metric.value, metric.step] for metric in metrics)],
            params={**run["params"], **{param.key: param.value for param in params}},
        )

    def set_tag(self, run_id: str, key: str, value: Any) -> None:
        self._change(run_id, tags={**self._state()["runs"][run_id]["tags"], key: str(value)})

    def update_run(self, run_id: str, status: str) -> None:
        self._change(run_id, status=status)

    set_terminated = update_run

    def log_text(self, run_id: str, text: str, artifact_file: str) -> None:
        self._artifact(run_id, artifact_file).write_text(text)

    def log_image(self, run_id: str, image: Image.Image, artifact_file: str) -> None:
        image.save(self._artifact(run_id, artifact_file))

    def log_artifact(self, run_id: str, local_path: str, artifact_path: str | None = None) -> None:
        name = "/".join(filter(None, [artifact_path, Path(local_path).name]))
        shutil.copy(local_path, self._artifact(run_id, name))

    def log_artifacts(self, run_id: str, local_dir: str, artifact_path: str | None = None) -> None:
        for path in Path(local_dir).iterdir():
            self.log_artifact(run_id, str(path), artifact_path)

    def list_artifacts(self, run_id: str, path: str | None = None) -> list[Any]:
        top = self._artifact(run_id, "x").parent
        found = sorted((top / (path or "")).iterdir())
        return [SimpleNamespace(path=str(each.relative_to(top)), is_dir=each.is_dir()) for each in found]

    def _artifact(self, run_id: str, name: str) -> Path:
        path = self.file.parent / "mlartifacts" / run_id / name
        path.parent.mkdir(parents=True, exist_ok=True)
        return path


def install(monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes `import mlflow` import this."""

    def value(**fields: Any) -> SimpleNamespace:
        return SimpleNamespace(**fields)

    contents: dict[str, dict[str, Any]] = {
        "mlflow": {"set_tracking_uri": lambda uri: None},
        "mlflow.tracking": {"MlflowClient": MlflowClient},
        "mlflow.tracking.context": {"resolve_tags": lambda tags: dict(tags or {})},
        "mlflow.entities": {"Metric": value, "Param": value},
        "mlflow.utils": {},
        "mlflow.utils.mlflow_tags": {"MLFLOW_RUN_NAME": "mlflow.runName"},
    }
    for name, content in contents.items():
        module = ModuleType(name)
        vars(module).update(content)
        monkeypatch.setitem(sys.modules, name, module)
        parent, _, child = name.rpartition(".")
        if parent:
            setattr(sys.modules[parent], child, module)
    sys.modules["mlflow"].__spec__ = SimpleNamespace()  # type: ignore[assignment]  # find_spec asks for it
    monkeypatch.setattr("lightning.pytorch.loggers.mlflow._MLFLOW_AVAILABLE", True)

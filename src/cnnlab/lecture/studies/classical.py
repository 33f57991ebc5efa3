"""Learning without deep networks: classical classifiers beside networks, by training images and by seconds."""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from joblib import cpu_count  # type: ignore[import-untyped]
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from cnnlab.apply.load import load_finished
from cnnlab.lecture.claims import Claim, Expected
from cnnlab.lecture.classical import METHODS, Scored, score
from cnnlab.lecture.studies.classical_figures import show
from cnnlab.lecture.study import Measured, Study, Workspace
from cnnlab.lecture.swept import by_configuration
from cnnlab.report.runs import Run

SWEEPS = {500: "lecture_classical_500", 2000: "lecture_classical_2000", 10000: "lecture_classical"}  # training images
NETWORKS = ("softmax_regression", "mlp", "lecture")
BEATEN = (*METHODS, "softmax_regression")  # by a network that learns features, says the lecture
CLAIMS = (
    Claim("features_many", Expected.GREATER, margin=0.005, unit="points", conditions=BEATEN),
    Claim("features_few", Expected.GREATER, margin=0.005, unit="points", conditions=BEATEN),
    Claim("linear_below_neighbours", Expected.LESS, margin=0.005, unit="points", conditions=("few", "many")),
)
FEW, MANY = min(SWEEPS), max(SWEEPS)

Scores = dict[int, dict[str, list[Scored]]]  # by training images, then by method: one for each seed


def measure(workspace: Workspace) -> Measured:
    """Reads the networks' runs, and fits the classical classifiers to the training images of each.

    Args:
        workspace: Where the sweeps' runs are.
    """
    with threadpool_limits(1):  # one thread for each, as the sweep's jobs have
        scores = {num: _scores(workspace.runs(sweep)) for num, sweep in SWEEPS.items()}
    effects = {
        "features_many": _gains(scores[MANY]),
        "features_few": _gains(scores[FEW]),
        "linear_below_neighbours": {
            name: _differences(scores[num], "softmax_regression", "neighbours")
            for name, num in (("few", FEW), ("many", MANY))
        },
    }
    data = {
        "num_images": list(scores),
        "methods": {
            method: [_columns(by_method[method]) for by_method in scores.values()] for method in (*METHODS, *NETWORKS)
        },
    }
    return Measured(effects, data)


def _scores(runs: Sequence[Run]) -> dict[str, list[Scored]]:
    """Of one size of the training set."""
    found = by_configuration(runs, ("model",))
    by_model = {model: found[(model,)] for model in NETWORKS}
    seeds = sorted(set.intersection(*(set(by_seed) for by_seed in by_model.values())))
    scores = {model: [_of_run(by_seed[seed]) for seed in seeds] for model, by_seed in by_model.items()}
    # scikit-learn computes without Python's lock; OpenMP's limit is each thread's own
    with ThreadPoolExecutor(cpu_count(), initializer=threadpool_limits, initargs=(1,)) as pool:
        classical = list(pool.map(_of_methods, (by_model["lecture"][seed] for seed in seeds)))
    return scores | {method: [each[method] for each in classical] for method in METHODS}


def _of_methods(run: Run) -> dict[str, Scored]:
    """Of every method on the images that the networks of a run's seed learned from."""
    _, data = load_finished(run.path)
    return {method: score(method, data, run.seed) for method in METHODS}


def _of_run(run: Run) -> Scored:
    found = (run.metric("test/acc"), run.seconds("fit"), run.seconds("test"))
    values = [value for value in found if value is not None]
    assert len(values) == len(found)  # of a completed run
    return Scored(*values)


def _gains(scores: Mapping[str, Sequence[Scored]]) -> dict[str, list[float]]:
    return {other: _differences(scores, "lecture", other) for other in BEATEN}


def _differences(scores: Mapping[str, Sequence[Scored]], first: str, second: str) -> list[float]:
    """Of accuracies, by seed: the same images."""
    return [one.accuracy - other.accuracy for one, other in zip(scores[first], scores[second], strict=True)]


def _columns(scores: Sequence[Scored]) -> dict[str, Any]:
    return {name: [round(getattr(each, name), 5) for each in scores] for name in Scored._fields}


STUDY = Study(
    name="classical",
    claims=CLAIMS,
    measure=measure,
    show=show,
    sweeps=tuple(SWEEPS.values()),
    sources=("lecture/classical.py", "lecture/swept.py", "nn/lecture.py", "nn/mlp.py"),
)

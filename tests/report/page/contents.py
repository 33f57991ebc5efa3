"""Contents of report.json as real sweeps have them, made from accuracies drawn at random."""

import itertools
import math
from typing import Any

import numpy as np

OPTIMIZERS = [
    "adam",
    "adamw",
    "nadam",
    "radam",
    "rmsprop",
    "lion",
    "muon",
    "momentum",
    "nesterov",
    "sgd",
    "adagrad",
    "adadelta",
    "rprop",
    "schedule_free",
]
HOSTILE = (
    '<img src=x onerror="window.pwned=1">',
    "</script><script>window.pwned=1</script>",
    "a $x^2$ and $\\frac{1}{",
    "\"quotes\" & 'apostrophes' {{ 7 * 7 }} {% raw %}",
    "한국어 이름의 최적화 방법",
    "long " + "name " * 59,
    "\u2028line\u2029separator\u202eturned\x00nul\ud800half",
    "id=\"x\" url(#y) style='font: 9px z; fill: #1c2127'",
    "<!--<script>",
    "",
)


def summary(values: list[float]) -> dict[str, Any]:
    mean, deviation = float(np.mean(values)), float(np.std(values, ddof=1)) if len(values) > 1 else None
    half = (
        None
        if deviation is None
        else {2: 12.7, 3: 4.30, 5: 2.78}.get(len(values), 2.1) * deviation / len(values) ** 0.5
    )
    return {
        "mean": mean, "deviation": deviation, "values": values,
        "low": None if half is None else mean - half, "high": None if half is None else mean + half,
    }  # fmt: skip


def sweep(
    names: list[str] | None = None,
    num_seeds: int = 5,
    values: list[dict[str, Any]] | None = None,
    splits: tuple[str, ...] = ("val", "test"),
    num_epochs: int = 5,
    language: str = "en",
) -> dict[str, Any]:
    """A content of schema 1.

    Args:
        names: Of the configurations; the 14 optimisers if not given.
        num_seeds: Of each.
        values: What each configuration has for the varied names.
        splits: Which accuracies were measured.
        num_epochs: Of each run.
        language: `"en"` or `"ko"`.
    """
    names = OPTIMIZERS if names is None else names
    values = values or [{"optimizer": name} for name in names]
    random = np.random.default_rng(0)
    seeds = list(range(num_seeds))
    base = np.sort(0.9865 - 0.0012 * random.exponential(2.0, len(names)))[::-1]
    accuracies = {
        split: base[:, None] + random.normal(0, 0.0009, (len(names), num_seeds)) - (0.0004 if split == "test" else 0)
        for split in splits
    }
    configurations = [
        {
            "id": index, "name": name, "values": values[index], "n": num_seeds, "seeds": seeds,
            "num_diverged": 0, "num_failed": 0, "num_other": 0, "survivors_only": False,
            "val": None, "test": None, "predicted_deviation": 0.00105 if "test" in splits else None,
            "fit_s": 37.1 + index, "targets": _targets(index, num_seeds, random) if "val" in splits else [],
            "group_ids": [],
        } | {split: summary([float(value) for value in accuracies[split][index]]) for split in splits}
        for index, name in enumerate(names)
    ]  # fmt: skip
    content = {
        "schema": 1, "language": language, "title": "optimizers", "folder": "outputs/sweeps/optimizers",
        "created": "2026-11-26T17:10:00+00:00", "command": "python scripts/report.py outputs/sweeps/optimizers",
        "settings": {"alpha": 0.05, "power": 0.8, "margin": 0.001, "baseline": None, "stage": 1, "family": 0},
        "varied": list(values[0]) if values else [],
        "shared": {"model": "lecture", "data": "mnist", "trainer.max_epochs": num_epochs},
        "notes": ["Compares defaults, not methods."] if language == "en" else ["방법이 아니라 기본값을 비교합니다."],
        "runs": {"total": len(names) * num_seeds, "completed": len(names) * num_seeds, "diverged": 0, "failed": 0,
                 "other": 0, "left_out": []},
        "data": [{"name": "mnist", "train": 55000, "val": 5000, "test": 10000, "sha256": "ab12" * 16}],
        "budget": {"epochs": [num_epochs], "seeds": seeds, "fit_s": 37.0 * len(names) * num_seeds},
        "headline": [], "configurations": configurations, "groups": [], "comparisons": [], "correlation": None,
        "curves": _curves(base, num_epochs, random) if "val" in splits else [], "disagreement": None,
        "effects": None, "heat_map": None, "sensitivity": None, "tuning": None,
        "provenance": {
            "versions": {"torch": ["2.14.1"], "cnnlab": ["0.1.0"]}, "devices": ["cpu"], "machines": ["AMD EPYC 7B13"],
            "commits": ["abc1234"], "commands": ["python train.py sweep=optimizers"], "warnings": [],
        },
    }  # fmt: skip
    _compare(content)
    return content


def with_divergence(content: dict[str, Any]) -> dict[str, Any]:
    """The last but one configuration has lost a run, the last all of them, and folders were left out."""
    survivor, lost = content["configurations"][-2:]
    for split in ("val", "test"):
        if survivor[split]:
            survivor[split] = summary(survivor[split]["values"][:-1])
    survivor |= {"n": survivor["n"] - 1, "num_diverged": 1, "survivors_only": True}
    lost |= {"num_diverged": lost["n"] - 1, "num_failed": 1, "n": 0, "val": None, "test": None, "seeds": [],
             "fit_s": None, "targets": [], "predicted_deviation": None}  # fmt: skip
    runs = content["runs"]
    runs |= {"diverged": len(content["budget"]["seeds"]), "failed": 1, "left_out": [
        {"path": "outputs/sweeps/optimizers/optimizer=adam,seed=7", "reason": "result.json is damaged"},
    ]}  # fmt: skip
    runs["completed"] = runs["total"] - runs["diverged"] - runs["failed"]
    content["comparisons"] = [
        pair for pair in content["comparisons"] if lost["id"] not in (pair["first"], pair["second"])
    ]
    content["settings"]["family"] = len(content["comparisons"])
    content["groups"] = [kept for group in content["groups"] if len(kept := [i for i in group if i != lost["id"]]) > 1]
    content["curves"] = [curve for curve in content["curves"] if curve["configuration"] != lost["id"]]
    content["provenance"]["warnings"] = ["Runs differ in torch: 2.13.0, 2.14.1."]
    return content


def with_disagreement(content: dict[str, Any]) -> dict[str, Any]:
    """Per-class accuracies, and twelve contested pictures."""
    random, ids = np.random.default_rng(1), [configuration["id"] for configuration in content["configurations"]]
    y, x = np.mgrid[:28, :28]
    pictures = [
        (255 * np.exp(-((np.hypot(x - 13.5, y - 13.5 + i % 5 - 2) - 5 - i / 3) ** 2) / 6)).astype(int).tolist()
        for i in range(12)
    ]
    content["disagreement"] = {
        "classes": [str(digit) for digit in range(10)],
        "per_class": [
            {"configuration": identity, "accuracy": (0.985 + random.normal(0, 0.005, 10)).clip(0, 1).tolist()}
            for identity in ids
        ],
        "contested": [
            {"index": int(random.integers(10000)), "label": str(i % 10), "share_correct": 0.48 + 0.01 * i,
             "pixels": pictures[i],
             "answers": [{"configuration": identity, "share_correct": float(random.random())} for identity in ids]}
            for i in range(12)
        ],
    }  # fmt: skip
    return content


def factorial(language: str = "en") -> dict[str, Any]:
    """A sweep of two factors, with a heat map and shares of variance."""
    optimizers, activations = ["adam", "momentum", "muon", "sgd"], ["relu", "gelu", "silu", "tanh", "sigmoid"]
    values = [{"optimizer": o, "activation": a} for o, a in itertools.product(optimizers, activations)]
    content = sweep([f"{v['optimizer']}, {v['activation']}" for v in values], 3, values, language=language)
    means = [[float(0.986 - 0.001 * i - 0.0007 * j * (1 + i)) for j in range(5)] for i in range(4)]
    means[3][4] = 0.113
    content["heat_map"] = {
        "rows": "optimizer", "columns": "activation", "row_values": optimizers, "column_values": activations,
        "val": means, "test": means,
    }  # fmt: skip
    content["effects"] = {"factors": [
        {"name": "optimizer", "share": 0.61}, {"name": "activation", "share": 0.2},
        {"name": "optimizer × activation", "share": 0.1}, {"name": "seed and rest", "share": 0.09},
    ]}  # fmt: skip
    return content


def sensitivity(language: str = "en") -> dict[str, Any]:
    """A sweep of learning rates for three optimisers."""
    rates = [0.0003, 0.001, 0.003, 0.01, 0.03, 0.1]
    values = [{"optimizer": name, "optimizer.lr": rate} for name in OPTIMIZERS[:3] for rate in rates]
    content = sweep([f"{v['optimizer']}, {v['optimizer.lr']:g}" for v in values], 3, values, language=language)
    content["sensitivity"] = {"name": "optimizer.lr", "lines": [
        {"label": name, "x": rates, "val": (val := [0.985 - 0.004 * abs(math.log10(rate / 0.003) + i / 2) ** 2
                                                    for rate in rates]),
         "low": [value - 0.001 for value in val], "high": [value + 0.001 for value in val]}
        for i, name in enumerate(OPTIMIZERS[:3])
    ]}  # fmt: skip
    return content


def tuned(method: str = "random", names: tuple[str, ...] = ("adam", "sgd"), num_trials: int = 20) -> dict[str, Any]:
    """A sweep whose configurations were tuned: the last one's best is at an edge, and one of its trials diverged."""
    content, random = sweep(list(names), 3), np.random.default_rng(3)
    configurations = []
    for index, _ in enumerate(names):
        rates = [float(f"{10 ** random.uniform(-4, -1):.3g}") for _ in range(num_trials)]
        scores: list[float | None] = [0.985 - 0.01 * abs(math.log10(rate / 0.003)) for rate in rates]
        trials = [{"values": {"optimizer.lr": f"{rate:g}"}, "score": score}
                  for rate, score in zip(rates, scores, strict=True)]  # fmt: skip
        best = max(range(num_trials), key=lambda trial: scores[trial] or 0.0)
        is_last = index == len(names) - 1
        if is_last:
            trials[(best + 1) % num_trials]["score"] = None
        means = [0.985 - 0.02 / (number + 1) for number in range(num_trials)]
        configurations.append({
            "configuration": index, "space": {"optimizer.lr": "0.0001 to 0.1, logarithmic"},
            "chosen": trials[best]["values"], "score": scores[best], "at_edge": ["optimizer.lr"] if is_last else [],
            "parameters": {"optimizer.lr": {"low": 0.0001, "high": 0.1, "is_log": True}}, "num_at_chance": 2 * is_last,
            "num_trials": num_trials, "num_diverged": int(is_last), "num_near": 7, "trials": trials,
            "curve": {"trials": list(range(1, num_trials + 1)), "mean": means, "low": [mean - 0.02 for mean in means],
                      "high": [1.0] * num_trials} if method == "random" else None,
        })  # fmt: skip
    content["tuning"] = {
        "method": method, "objective": "val/acc", "seeds": [1000], "num_trials": num_trials,
        "num_runs": num_trials * len(names), "fit_s": 1234.0, "chance": 0.2, "configurations": configurations,
    }  # fmt: skip
    return content


def many_axes() -> dict[str, Any]:
    """A search over four values."""
    random = np.random.default_rng(2)
    values = [
        {"optimizer": str(random.choice(["adam", "sgd", "muon"])), "optimizer.lr": float(10 ** random.uniform(-4, -1)),
         "model.dropout": round(float(random.uniform(0, 0.5)), 3), "data.batch_size": int(random.choice([32, 64, 128]))}
        for _ in range(40)
    ]  # fmt: skip
    return sweep([", ".join(f"{v:.3g}" if isinstance(v, float) else str(v) for v in each.values()) for each in values],
                 1, values)  # fmt: skip


def _compare(content: dict[str, Any]) -> None:
    """Comparisons of all pairs by a rule of thumb, and the groups that follow from them."""
    split = "test" if any(c["test"] for c in content["configurations"]) else "val"
    configurations = [c for c in content["configurations"] if c[split] and c["n"] >= 2]
    undecided = set()
    for first, second in itertools.combinations(configurations, 2):
        difference = first[split]["mean"] - second[split]["mean"]
        verdict = "undecided" if abs(difference) < 0.0016 else "better" if difference > 0 else "worse"
        if abs(difference) < 0.00002:
            verdict = "equivalent"
        if verdict in ("undecided", "equivalent"):
            undecided.add((first["id"], second["id"]))
        words = {"better": "beats", "worse": "loses to"}.get(verdict, "and")
        num, end = first["n"], "" if verdict in ("better", "worse") else ": not told apart"
        content["comparisons"].append({
            "first": first["id"], "second": second["id"], "is_paired": True, "n": first["n"], "seeds": first["seeds"],
            "difference": difference, "low": difference - 0.0012, "high": difference + 0.0012, "df": 26.0,
            "p": math.exp(-abs(difference) * 3000), "p_adjusted": min(1, 3 * math.exp(-abs(difference) * 3000)),
            "p_equivalence": 0.4, "p_equivalence_adjusted": 1.0, "verdict": verdict, "detectable": 0.0023,
            "needed_seeds": 14, "images": {"low": difference - 0.001, "high": difference + 0.001},
            "images_and_seeds": {"low": difference - 0.002, "high": difference + 0.002},
            "sentence": f"{first['name']} {words} {second['name']}{end} by {100 * difference:.2f} points, n = {num}",
        })  # fmt: skip
    content["settings"]["family"] = len(content["comparisons"])
    content["correlation"] = 0.24 if content["comparisons"] else None
    content["headline"] = [pair["sentence"] for pair in content["comparisons"][:: max(1, len(undecided))][:3]]
    ids = [c["id"] for c in configurations]
    runs = []
    for start in range(len(ids)):
        stop = start + 1
        while stop < len(ids) and all((ids[i], ids[stop]) in undecided for i in range(start, stop)):
            stop += 1
        if stop - start > 1 and not any(set(ids[start:stop]) <= set(run) for run in runs):
            runs.append(ids[start:stop])
    content["groups"] = runs
    for configuration in configurations:
        configuration["group_ids"] = [number for number, run in enumerate(runs) if configuration["id"] in run]


def _curves(base: np.ndarray, num_epochs: int, random: np.random.Generator) -> list[dict[str, Any]]:
    epochs = list(range(1, num_epochs + 1))
    curves = []
    for index, best in enumerate(base):
        errors = [(1 - best) * (1 + (3 + index / 4) / epoch**1.5) for epoch in epochs]
        errors = [error * float(np.exp(random.normal(0, 0.05))) for error in errors]
        curves.append({
            "configuration": index, "split": "val", "epochs": epochs,
            "seconds": [(7.1 + 0.4 * index) * epoch for epoch in epochs], "median": [1 - error for error in errors],
            "low": [1 - 1.15 * error for error in errors], "high": [1 - 0.88 * error for error in errors],
        })  # fmt: skip
    return curves


def _targets(index: int, num_seeds: int, random: np.random.Generator) -> list[dict[str, Any]]:
    targets = []
    for accuracy, slowness in ((0.97, 1.0), (0.985, 3.0), (0.99, 9.0)):
        times = slowness * (1 + index / 6) * random.uniform(0.6, 1.2, num_seeds)
        epochs = [math.ceil(time) if time <= 5 else None for time in times]
        seconds = [None if epoch is None else epoch * (7.1 + 0.4 * index) for epoch in epochs]
        targets.append({"accuracy": accuracy, "epochs": epochs, "seconds": seconds})
    return targets

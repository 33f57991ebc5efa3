"""python scripts/bench.py: how fast an epoch of experiment=lecture is, against the loops that anybody could write.

It measures the plain loop over a DataLoader, torch's own layers over images in memory in both layouts and compiled by
torch.compile, the time of the arithmetic, the start-up, and what callbacks=full adds to an epoch. The exit code is 1
if a rival is faster than cnnlab by more than the noise.
"""

import argparse
import json
import sys
from dataclasses import asdict
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

from cnnlab.cli.output import safe_output
from cnnlab.files import user_path

REPOSITORY = Path(__file__).resolve().parents[1]


def main() -> int:
    """Measures, prints the table and the verdict, writes bench.json and bench.png; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--out", type=user_path, default=REPOSITORY / "outputs" / "bench", help="folder for the results"
    )
    parser.add_argument("--repetitions", type=int, default=5, help="of everything, after a warm-up")
    parser.add_argument("--startups", type=int, default=3, help="repetitions of the start-up, after a warm-up")
    parser.add_argument("--pairs", type=int, default=5, help="epochs with and without callbacks=full, after a warm-up")
    parser.add_argument("--batch-sizes", type=int, nargs="+", default=[64, 1024])
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--no-compile", action="store_true", help="leaves torch.compile out, which takes a minute")
    arguments = parser.parse_args()
    for name, values in {
        "--repetitions": [arguments.repetitions],
        "--startups": [arguments.startups],
        "--pairs": [arguments.pairs],
        "--batch-sizes": arguments.batch_sizes,
        "--threads": arguments.threads,
    }.items():
        if min(values) < 1:
            parser.error(f"{name} {min(values)} is not allowed; it must be >= 1")

    from hydra import compose, initialize_config_dir

    from cnnlab.bench.machine import describe_machine, format_machine
    from cnnlab.bench.measure import OUR_SHARE, PLAIN_SHARE, RIVAL_SHARE, Setting, measure
    from cnnlab.bench.observing import format_observing, measure_observing, summarise_observing
    from cnnlab.bench.present import NAMES, draw_bars, format_startup, format_table, summarise, summarise_startup
    from cnnlab.bench.startup import measure_startup
    from cnnlab.bench.verdict import RULE, compare, conclude, format_costs, lightning_costs
    from cnnlab.errors import UserError

    with initialize_config_dir(str(REPOSITORY / "conf"), version_base="1.3"):
        config = compose("train", ["experiment=lecture", "console=none", "trainer=cpu", "callbacks=full"])
    choices = product(arguments.batch_sizes, arguments.threads)
    settings = [Setting(*choice) for choice in dict.fromkeys(choices)]
    progress = partial(print, file=sys.stderr)
    machine = describe_machine()
    print(format_machine(machine), flush=True)
    try:
        measurements = measure(config, settings, arguments.repetitions, progress, compiles=not arguments.no_compile)
    except UserError as error:
        parser.error(str(error))
    rows, comparisons = summarise(measurements), compare(measurements)
    startup = summarise_startup(measure_startup(REPOSITORY, arguments.startups))
    code, verdict = conclude(comparisons, NAMES)
    observed = settings[0]
    observing = summarise_observing(measure_observing(config, observed, arguments.pairs, progress))
    print(format_table(rows), format_startup(startup), format_costs(lightning_costs(measurements)), sep="\n")
    print(format_observing(observing, observed))
    arguments.out.mkdir(parents=True, exist_ok=True)
    parameters: dict[str, Any] = {
        "repetitions": arguments.repetitions,
        "startups": arguments.startups,
        "pairs": arguments.pairs,
        "plain_share": PLAIN_SHARE,
        "rival_share": RIVAL_SHARE,
        "our_share": OUR_SHARE,
    }
    content = {
        "machine": machine,
        "parameters": parameters,
        "startup": startup,
        "observing": {**asdict(observed), **observing},
        "rows": rows,
        "verdict": {"text": verdict, "rule": RULE, "comparisons": [asdict(each) for each in comparisons]},
    }
    (arguments.out / "bench.json").write_text(json.dumps(content, indent=1) + "\n")
    draw_bars(rows).savefig(arguments.out / "bench.png", dpi=120)
    print(f"written: {arguments.out / 'bench.json'}, {arguments.out / 'bench.png'}")
    print(f"{verdict}; {RULE}")
    return code


if __name__ == "__main__":
    with safe_output():
        sys.exit(main())

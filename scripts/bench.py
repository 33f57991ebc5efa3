"""python scripts/bench.py: how fast an epoch of experiment=lecture is, against a plain loop and the arithmetic."""

import argparse
import json
import os
import platform
import sys
from pathlib import Path

from cnnlab.cli.output import safe_output
from cnnlab.files import user_path

REPOSITORY = Path(__file__).resolve().parents[1]


def main() -> None:
    """Measures, prints the table, writes bench.json and bench.png."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--out", type=user_path, default=REPOSITORY / "outputs" / "bench", help="folder for the results"
    )
    parser.add_argument("--repetitions", type=int, default=5, help="of everything, after a warm-up")
    parser.add_argument("--startups", type=int, default=3, help="repetitions of the start-up, after a warm-up")
    parser.add_argument("--batch-sizes", type=int, nargs="+", default=[64, 1024])
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    arguments = parser.parse_args()
    for name, values in (("--repetitions", [arguments.repetitions]), ("--startups", [arguments.startups]),
                         ("--batch-sizes", arguments.batch_sizes), ("--threads", arguments.threads)):  # fmt: skip
        if min(values) < 1:
            parser.error(f"{name} {min(values)} is not allowed; it must be >= 1")

    from hydra import compose, initialize_config_dir

    from cnnlab.bench.measure import OUR_SHARE, PLAIN_SHARE, Setting, measure
    from cnnlab.bench.present import draw_bars, format_startup, format_table, summarise, summarise_startup
    from cnnlab.bench.startup import measure_startup
    from cnnlab.errors import UserError

    with initialize_config_dir(str(REPOSITORY / "conf"), version_base="1.3"):
        config = compose("train", ["experiment=lecture", "console=none", "trainer=cpu"])
    settings = [Setting(size, threads) for size in arguments.batch_sizes for threads in arguments.threads]
    try:
        measurements = measure(config, settings, arguments.repetitions, lambda text: print(text, file=sys.stderr))
    except UserError as error:
        parser.error(str(error))
    rows = summarise(measurements)
    print(format_table(rows))
    startup = summarise_startup(measure_startup(REPOSITORY, arguments.startups))
    print(format_startup(startup))
    arguments.out.mkdir(parents=True, exist_ok=True)
    parameters = {
        "repetitions": arguments.repetitions,
        "startups": arguments.startups,
        "plain_share": PLAIN_SHARE,
        "our_share": OUR_SHARE,
    }
    content = {"machine": machine(), "parameters": parameters, "startup": startup, "rows": rows}
    (arguments.out / "bench.json").write_text(json.dumps(content, indent=1) + "\n")
    draw_bars(rows).savefig(arguments.out / "bench.png", dpi=120)
    print(f"written: {arguments.out / 'bench.json'}, {arguments.out / 'bench.png'}")


def machine() -> dict[str, str | int | None]:
    """The hardware and software that the numbers depend on."""
    import lightning
    import torch

    names = [line.split(":")[1].strip() for line in _lines("/proc/cpuinfo") if line.startswith("model name")]
    return {
        "processor": names[0] if names else platform.processor(),
        "cores": os.cpu_count(),
        "capability": torch.backends.cpu.get_cpu_capability(),
        "system": platform.platform(),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "lightning": lightning.__version__,
    }


def _lines(path: str) -> list[str]:
    return Path(path).read_text().splitlines() if Path(path).exists() else []


if __name__ == "__main__":
    with safe_output():
        main()

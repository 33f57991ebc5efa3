"""python -m tests.torture: random kills, damages, foreign files and full disks, counted."""

import argparse
import random
import tempfile
from pathlib import Path

from tests.disks import can_mount
from tests.torture.campaign import Family, campaign, table
from tests.torture.damages import damage_run, damage_sweep
from tests.torture.disks import fill_under_run, fill_under_sweep
from tests.torture.kills import kill_run, kill_search, kill_starting, kill_sweep, start_together

FAMILIES = (
    Family("kill-run", "a run is killed up to 4 times, and resumed", kill_run),
    Family("kill-starting", "a signal while the program starts", kill_starting),
    Family("kill-sweep", "a sweep, a job or its fork server is killed up to 4 times", kill_sweep),
    Family("kill-search", "an Optuna search is killed up to 4 times", kill_search),
    Family("together", "up to 5 processes start or resume the same run", start_together),
    Family("damage-run", "a damaged file of a killed run, which is resumed", damage_run),
    Family("damage-sweep", "a damaged or foreign file in a sweep, which is run again", damage_sweep),
    Family("disk-run", "a full disk under a run", fill_under_run),
    Family("disk-sweep", "a full disk under a sweep", fill_under_sweep),
)
NEEDS_MOUNT = ("disk-run", "disk-sweep")


def main() -> int:
    """Reads the command line, runs the campaign, prints its table.

    Returns:
        The exit code: 1 if a trial ended wrong.
    """
    names = [family.name for family in FAMILIES]
    parser = argparse.ArgumentParser(prog="python -m tests.torture", description=__doc__)
    parser.add_argument("--minutes", type=float, default=20.0, help="for all families together")
    parser.add_argument("--seed", type=int, help="of the campaign; a random one by default, which is printed")
    parser.add_argument("--family", choices=names, nargs="+", default=names)
    parser.add_argument("--trials", type=int, nargs="+", help="repeats these trials only; needs --seed")
    arguments = parser.parse_args()
    if arguments.trials and arguments.seed is None:
        parser.error("--trials repeats the trials of a campaign; give its --seed too")
    seed = random.SystemRandom().randrange(10**6) if arguments.seed is None else arguments.seed
    folder = Path(tempfile.mkdtemp(prefix="cnnlab-torture-"))
    families = [family for family in FAMILIES if family.name in arguments.family]
    if not can_mount():
        print("no file system can be mounted here: the families of full disks are left out")
        families = [family for family in families if family.name not in NEEDS_MOUNT]
    print(f"seed {seed}, in {folder}", flush=True)
    tallies = campaign(families, seed, folder, minutes=arguments.minutes, trials=arguments.trials)
    print(f"\nseed {seed}\n\n{table(tallies)}")
    wrong = [f"--seed {seed} --family {family.name} --trials {' '.join(map(str, tally.wrong))}"
             for family, tally in tallies.items() if tally.wrong]  # fmt: skip
    for repeat in wrong:
        print(f"repeat: python -m tests.torture {repeat}")
    if not wrong:
        folder.rmdir()
    return 1 if wrong else 0


if __name__ == "__main__":
    raise SystemExit(main())

"""What the user may have meant by a name that does not exist."""

import difflib
import inspect
from collections.abc import Iterable

from cnnlab.cli.config_tree import HYDRA_GROUPS, ConfigTree
from cnnlab.errors import UserError
from cnnlab.experiment.targets import locate

# what people from other programs type, with the name here
SYNONYMS = {
    **dict.fromkeys(("learning_rate", "learningrate", "rate"), "lr"),
    **dict.fromkeys(("epochs", "epoch", "num_epochs", "n_epochs"), "max_epochs"),
    **dict.fromkeys(("batch", "batchsize", "bs"), "batch_size"),
    **dict.fromkeys(("wd", "l2"), "weight_decay"),
    **dict.fromkeys(("random_seed", "random_state"), "seed"),
    **dict.fromkeys(("opt", "optim"), "optimizer"),
    **dict.fromkeys(("lr_scheduler", "schedule"), "scheduler"),
    **dict.fromkeys(("network", "net", "arch"), "model"),
    **dict.fromkeys(("output", "output_dir", "outdir", "out"), "hydra.run.dir"),
    **{"gpus": "devices", "device": "accelerator", "dataset": "data", "criterion": "loss", "pooling": "pool"},
}
SET_BY_US = ("self", "params", "optimizer", "image_shape", "num_classes")
FOR_TRAINER = ("benchmark", "detect_anomaly", "inference_mode", "sync_batchnorm")  # others are refused or set already
OWN_TARGETS = ("torch.", "lightning.", "cnnlab.")  # importing any other runs code that a config names


def nearest(word: str, candidates: Iterable[str]) -> list[str]:
    """The candidates that are a typing mistake away, nearest first; upper and lower case are the same.

    Args:
        word: What was typed.
        candidates: What exists.
    """
    typed = word.lower()
    limit = max(1, len(word) // 3)
    ranked = []
    for candidate in candidates:
        distance = edit_distance(typed, candidate.lower())
        if distance <= limit and distance < len(candidate):
            ranked.append((distance, -difflib.SequenceMatcher(None, typed, candidate.lower()).ratio(), candidate))
    return [candidate for _, _, candidate in sorted(ranked)]


def edit_distance(first: str, second: str) -> int:
    """How many letters to insert, delete, replace or swap with their neighbour (optimal string alignment).

    Reference:
        Damerau, "A technique for computer detection and correction of spelling errors", 1964.
    """
    before: list[int] = []
    last = list(range(len(second) + 1))
    for row, letter in enumerate(first, start=1):
        now = [row]
        for column, other in enumerate(second, start=1):
            cost = min(last[column] + 1, now[-1] + 1, last[column - 1] + (letter != other))
            if row > 1 and column > 1 and letter == second[column - 2] and first[row - 2] == other:
                cost = min(cost, before[column - 2] + 1)
            now.append(cost)
        before, last = last, now
    return last[-1]


def suggest_key(tree: ConfigTree, key: str, value: str, choices: dict[str, list[str]]) -> str:
    """What to type instead of an unknown key.

    Args:
        tree: The config groups.
        key: As typed, without a `+`.
        value: As typed; empty if unknown.
        choices: The options of the groups on the command line, several in a sweep.
    """
    if key.startswith("hydra"):
        if owners := tree.hydra_owners(key):
            return f"it belongs to {owners}; add that, or leave it out"
        near = nearest(key, [*tree.hydra_keys, *HYDRA_GROUPS, "hydra/job_logging"])
        return f"did you mean {near[0]}={value}?" if near else "--cfg hydra lists Hydra's keys"
    if (dotted := key.replace("/", ".")) != key and dotted in tree.keys:
        return f"did you mean {dotted}={value}?"
    room, _, rest = key.partition(".")
    if rest and value in tree.groups.get(room, []):
        return f"did you mean {room}={value}?"
    if rest and room in tree.groups and (text := _in_other_options(tree, room, rest, value, choices)):
        return text
    found = [name for name in _similar_keys(tree, key, choices) if name != key]
    if found:
        return "did you mean " + " or ".join(_with_value(tree, name, value) for name in found[:4]) + "?"
    return "--cfg job lists the keys"


def _with_value(tree: ConfigTree, name: str, value: str) -> str:
    """`name=value`, with a group's option in place of a misspelt one."""
    if "=" in name:
        return name
    if name not in tree.groups:
        return f"{name}={value}" if value else name
    options = [value] if value in tree.groups[name] else nearest(value, tree.groups[name])
    return f"{name}={options[0]}" if options else name


def _similar_keys(tree: ConfigTree, key: str, choices: dict[str, list[str]]) -> list[str]:
    """Keys and groups with this last name, or nearly this; those of the chosen options first."""
    chosen = tree.keys_with(choices)
    room, _, _ = key.rpartition(".")
    last = key.rpartition(".")[2]
    for name in dict.fromkeys((last, SYNONYMS.get(last.lower().replace("-", "_"), last))):
        if (not room and name in tree.groups) or name.startswith("hydra."):
            return [name]
        for keys in (chosen, tree.keys):
            same = sorted(found for found in keys if found.rpartition(".")[2].lower() == name.lower())
            near_room = [found for found in same if room and found.rpartition(".")[0] in nearest(room, tree.groups)]
            if same:
                return near_room or same
    if not room:
        begins = [group for group in tree.groups if len(key) >= 3 and group.startswith(key.lower())]
        holders = [f"{group}={key}" for group, options in tree.groups.items() if key.lower() in options]
        if begins or holders:
            return begins or holders
    groups = [] if room else nearest(last, tree.groups)
    siblings = nearest(last, (found.removeprefix(f"{room}.") for found in chosen if found.startswith(f"{room}.")))
    cousins = nearest(last, (found.removeprefix(f"{room}.") for found in tree.keys if found.startswith(f"{room}.")))
    if room and cousins and not siblings:
        return [f"{room}.{cousins[0]}"]
    if siblings:
        return [f"{room}.{sibling}" for sibling in siblings[:1]]
    last_names = {found.rpartition(".")[2] for found in chosen}
    words = {found for found in last_names if last.lower() in found.split("_")} if len(last) > 2 else set()
    near = nearest(last, last_names) or sorted(words)
    return groups or sorted(found for found in chosen if near and found.rpartition(".")[2] == near[0])


def _in_other_options(tree: ConfigTree, group: str, name: str, value: str, choices: dict[str, list[str]]) -> str:
    """Which options of the group have this key, or take it as an argument; empty if none does."""
    chosen = choices.get(group) or [tree.default(group)]
    key = f"{group}.{name}"
    having = [option for option in tree.groups[group] if key in tree.option_keys(group, option)]
    lacking = [option for option in chosen if option not in having]
    own = (found.partition(".")[2] for found in tree.keys_with({group: chosen}) if found.startswith(f"{group}."))
    if not having and nearest(name, own):
        return ""  # a typing mistake
    if lacking and all(_takes(tree, group, option, name) for option in lacking):
        plus, target = "++" if len(chosen) > 1 else "+", tree.target(group, lacking[0])
        return f"to pass it to {target} all the same: {plus}{key}={value or '…'}{_owners(group, having, chosen)}"
    if not having or not lacking:
        return ""
    verb = "has" if len(lacking) == 1 else "have"
    return f"{group}={' and '.join(lacking)} {verb} no {name}{_owners(group, having, chosen)}"


def _owners(group: str, having: list[str], chosen: list[str]) -> str:
    """The options that have the key."""
    if not having:
        return ""
    return f"; it belongs to {group}={','.join(having)}" + (": sweep over those alone" if len(chosen) > 1 else "")


def _takes(tree: ConfigTree, group: str, option: str, name: str) -> bool:
    """Whether the option's class has a parameter of this name, which a config may set."""
    target = tree.target(group, option)
    if not target.startswith(OWN_TARGETS) or name in SET_BY_US or (group == "trainer" and name not in FOR_TRAINER):
        return False
    try:
        return name in inspect.signature(locate(target, group)).parameters
    except (UserError, ImportError, ValueError, TypeError):
        return False

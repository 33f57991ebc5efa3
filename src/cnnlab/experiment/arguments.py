"""Checks the arguments that a config gives to a class or function, before it is called, by its signature.

A wrong one would otherwise be an error that names no key, or none until a step of the fit, which unpacks three betas.
"""

import difflib
import inspect
import math
import types
import typing
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Literal, Union

from cnnlab.errors import UserError, one_line
from cnnlab.experiment.targets import TARGET, locate
from cnnlab.program import as_typed

ANNOTATED = ("cnnlab.", "lightning.", "pytorch_optimizer.", "torch.")  # packages whose annotations are right
SWALLOWS = "pytorch_optimizer."  # whose classes take any argument, and ignore those that they do not know
HYDRAS = (TARGET, "_partial_", "_convert_", "_recursive_")
LISTS = (list, tuple, Sequence, Iterable)
WORDS = {bool: "true or false", int: "an integer", float: "a number", str: "a text", types.NoneType: "null"}
NUMBERS = {2: "two", 3: "three", 4: "four"}


def check_arguments(settings: Any, key: str, num_given: int = 0) -> None:
    """Rejects arguments that a class or function does not take, or of another type; also those of nested ones.

    Args:
        settings: Plain values with a `_target_`.
        key: Where they stand in the config.
        num_given: How many arguments it gets from the program, before those of the config.

    Raises:
        UserError: With the key, what is allowed and what to do.
    """
    if isinstance(settings, list):
        for index, item in enumerate(settings):
            check_arguments(item, f"{key}.{index}")
    if not isinstance(settings, dict):
        return
    for name, value in settings.items():
        check_arguments(value, f"{key}.{name}")
    target = settings.get(TARGET)
    if isinstance(target, str) and "_args_" not in settings:
        signature = _signature(locate(target, key))
        if signature is not None:
            _check_by_signature(signature, settings, key, num_given)


def _check_by_signature(signature: inspect.Signature, settings: dict[str, Any], key: str, num_given: int) -> None:
    target = settings[TARGET]
    arguments = {str(name): value for name, value in settings.items() if name not in HYDRAS}
    kinds = {each.kind for each in signature.parameters.values()}
    takes_any = inspect.Parameter.VAR_KEYWORD in kinds and not target.startswith(SWALLOWS)
    named = [each for each in signature.parameters.values() if each.kind not in (each.VAR_KEYWORD, each.VAR_POSITIONAL)]
    own = {each.name: each for each in named[num_given:]}
    for name, value in arguments.items():
        if name not in own and not takes_any:
            raise UserError(_unknown(target, key, name, list(own)))
        if name in own and target.startswith(ANNOTATED) and not _fits(value, own[name]):
            raise UserError(_wrong(target, f"{key}.{name}", value, own[name]))
    for name, parameter in own.items():
        if parameter.default is parameter.empty and name not in arguments and not settings.get("_partial_"):
            raise UserError(f"{key}.{name} is missing: {target} needs it; add +{key}.{name}=…")


def with_culprit(error: Exception, key: str, settings: dict[str, Any], attempt: Callable[[dict[str, Any]], Any]) -> str:
    """The line for an error that arguments cause: it names the argument without which there is none.

    A library's own message, such as "Invalid beta parameter at index 0: 2", names no key.

    Args:
        error: What was raised.
        key: Where the arguments stand in the config.
        settings: The arguments.
        attempt: Does again what failed, with other arguments.
    """
    reason = one_line(error).rstrip(".")
    for name, value in reversed(settings.items()):  # what is typed comes last
        if name in HYDRAS:
            continue
        try:
            attempt({other: content for other, content in settings.items() if other != name})
        except Exception:  # the same error, or one of an argument that is needed
            continue
        return f"{key}.{name}={_shown(value)} is not allowed: {reason}; correct it, or remove it"
    return f"{key}: {reason}"


def _signature(found: Any) -> inspect.Signature | None:
    """The signature with the types that its annotations name; None if it has none, as functions written in C."""
    try:
        return inspect.signature(found, eval_str=True)
    except NameError:  # a type that is only imported for type checkers
        return inspect.signature(found)
    except (ValueError, TypeError):
        return None


def _unknown(target: str, key: str, name: str, names: list[str]) -> str:
    near = difflib.get_close_matches(name, names, n=1)
    hint = f"did you mean {key}.{near[0]}?" if near else f"its arguments are {', '.join(names) or 'none'}"
    return f"{key}.{name} is not an argument of {target}; {hint}"


def _wrong(target: str, key: str, value: Any, parameter: inspect.Parameter) -> str:
    words = " or ".join(dict.fromkeys(_words(_annotation(parameter)))) or "another value"
    example = parameter.default
    is_example = example is not parameter.empty and example is not None and not isinstance(example, bool)
    such_as = f", such as {_shown(example)}" if is_example else ""
    return f"{key}={_shown(value)} is not allowed; {target} takes {words}{such_as}"


def _shown(value: Any) -> str:
    """A value as it is typed on the command line."""
    if isinstance(value, list | tuple):
        return f"[{','.join(map(_shown, value))}]"
    return as_typed(value)


def _fits(value: Any, parameter: inspect.Parameter) -> bool:
    if value is None and parameter.default is None:
        return True
    return _is(value, _annotation(parameter))


def _annotation(parameter: inspect.Parameter) -> Any:
    """The annotated type; of pairs and triples, as all of a library's optimisers are annotated, the default's."""
    kind, default = parameter.annotation, parameter.default
    if typing.get_origin(kind) not in (Union, types.UnionType) or not isinstance(default, tuple):
        return kind
    same = [each for each in typing.get_args(kind) if len(typing.get_args(each)) == len(default)]
    return Union[tuple(same)] if same else kind  # noqa: UP007  a union of what is only known here


def _is(value: Any, kind: Any) -> bool:
    """Whether a config value is of an annotated type; True if the annotation does not tell."""
    origin, inner = typing.get_origin(kind), typing.get_args(kind)
    if isinstance(value, dict) and TARGET in value:
        return True
    if origin in (Union, types.UnionType):
        return any(_is(value, each) for each in inner)
    if origin is Literal:
        return value in inner
    if origin in LISTS or kind in LISTS:
        return _is_list(value, origin, inner)
    if kind is float:
        return type(value) in (int, float) and not math.isnan(value)
    if kind in WORDS:
        return type(value) is kind
    if origin is Callable or kind is Callable:
        return False
    # a class, such as a tensor or a module, cannot be written as a plain value; anything else does not tell
    return not (inspect.isclass(kind) and kind.__module__.partition(".")[0] == "torch")


def _is_list(value: Any, origin: Any, inner: tuple[Any, ...]) -> bool:
    if not isinstance(value, list | tuple):
        return False
    if origin is tuple and inner and inner[-1] is not Ellipsis:
        return len(value) == len(inner) and all(map(_is, value, inner))
    return all(_is(item, inner[0]) for item in value) if inner else True


def _words(kind: Any) -> list[str]:
    """What values of an annotated type are called."""
    origin, inner = typing.get_origin(kind), typing.get_args(kind)
    if origin in (Union, types.UnionType):
        return [word for each in inner for word in _words(each)]
    if origin is Literal:
        return [as_typed(each) for each in inner]
    if origin in LISTS:
        items = " or ".join(dict.fromkeys(word for each in inner[:1] for word in _words(each))).partition(" ")[2]
        if origin is tuple and Ellipsis not in inner:
            return [f"a list of {NUMBERS.get(len(inner), len(inner))} {items}s" if items else "a list"]
        return [f"a list of {items}s" if items else "a list"]
    if origin is Callable or kind is Callable:
        return ["a function, such as {_target_: mypackage.function, _partial_: true}"]
    return [WORDS[kind]] if kind in WORDS else []

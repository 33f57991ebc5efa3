"""Two packages that a run needs next to nothing of, imported when somebody needs more: half of a start-up.

Lightning takes one class from torch's compiler and two from torchmetrics, and torch's optimisers take two functions
from the compiler. To have them, Python would import inductor, sympy, fsdp, torchvision and scipy.
`importlib.util.LazyLoader` does not help, since any name that is taken loads it all.
"""

import importlib
import importlib.util
import logging
import sys
from collections.abc import Callable, Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

COMPILER = "torch._dynamo"

Early = dict[str, Callable[[], Any]]


def defer_imports() -> None:
    """To be called before lightning is imported; does nothing for a package that is imported already."""
    if "lightning" in sys.modules:
        return
    compiler: Early = {
        "OptimizedModule": lambda: OptimizedModule,
        "disable": lambda: _disable,
        "graph_break": lambda: _do_nothing,
    }
    torchmetrics: Early = {
        "Metric": lambda: _of_torchmetrics("metric", "Metric"),
        "MetricCollection": lambda: _of_torchmetrics("collections", "MetricCollection"),
        "_logger": lambda: logging.getLogger("torchmetrics"),
    }
    _defer(COMPILER, compiler)
    _defer("torchmetrics", torchmetrics)


def _defer(name: str, early: Early) -> None:
    parent, _, child = name.rpartition(".")
    spec = importlib.util.find_spec(name)
    if name in sys.modules or spec is None:
        return
    sys.modules[name] = module = DeferredModule(spec, early)
    if parent:
        setattr(sys.modules[parent], child, module)
    sys.meta_path.insert(0, _ParentFirst(module))


class DeferredModule(ModuleType):
    """A package that has a few names from the start, and becomes itself when it is asked for anything else.

    Args:
        spec: Where its own code is.
        early: What makes these names.
    """

    def __init__(self, spec: ModuleSpec, early: Early) -> None:
        super().__init__(spec.name)
        self.__spec__, self.__loader__, self.__file__ = spec, spec.loader, spec.origin
        self.__package__, self.__path__ = spec.name, spec.submodule_search_locations or []
        self.early = early
        self.is_serving = False

    def __getattr__(self, name: str) -> Any:
        if name in self.early:
            outer, self.is_serving = self.is_serving, True
            try:
                return self.early[name]()
            finally:
                self.is_serving = outer
        if name.startswith("__") or self.is_serving:
            raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}")
        self.become()
        return getattr(self, name)

    def become(self) -> None:
        """Runs its own code."""
        self.__class__ = ModuleType  # type: ignore[assignment]
        del self.early, self.is_serving
        assert self.__spec__ is not None
        assert self.__spec__.loader is not None
        self.__spec__.loader.exec_module(self)
        if self.__name__ == COMPILER:
            _forget_disabled()


class _ParentFirst(MetaPathFinder):
    """Has a package become itself before somebody imports a module of it, as Python has it; finds nothing itself."""

    def __init__(self, package: DeferredModule) -> None:
        self._package = package
        self._prefix = f"{package.__name__}."

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        package = self._package
        is_waiting = isinstance(package, DeferredModule) and not package.is_serving  # it changes its class
        if not is_waiting or not fullname.startswith(self._prefix):
            return None
        package.become()
        done = sys.modules.get(fullname)
        return None if done is None else ModuleSpec(fullname, _Done(done))


class _Done(Loader):
    """Of a module that has been imported in the meantime."""

    def __init__(self, module: ModuleType) -> None:
        self._module = module
        self._spec = module.__spec__

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        return self._module

    def exec_module(self, module: ModuleType) -> None:
        module.__spec__ = self._spec


def _of_torchmetrics(module: str, name: str) -> Any:
    importlib.import_module("torchmetrics.utilities.checks")  # they import each other, and this one can be first
    return getattr(importlib.import_module(f"torchmetrics.{module}"), name)


class _OfTheCompiler(type):
    def __instancecheck__(cls, instance: Any) -> bool:
        loaded = sys.modules.get(f"{COMPILER}.eval_frame")
        return loaded is not None and isinstance(instance, loaded.OptimizedModule)


class OptimizedModule(metaclass=_OfTheCompiler):
    """What `torch.compile` makes of a module: nothing is, as long as there is no compiler."""


_disabled: list[Callable[..., Any]] = []


def _disable(function: Callable[..., Any], recursive: bool = True, **options: Any) -> Callable[..., Any]:
    """What the compiler must not enter; as long as there is none, it cannot."""
    _disabled.append(function)
    return function


def _do_nothing() -> None:
    """What `graph_break` does where nothing is compiled: torch's optimisers call it in every step."""


def _forget_disabled() -> None:
    """Has torch ask again: `torch._compile` keeps the answer beside each function."""
    for function in _disabled:
        vars(function).pop("__dynamo_disable", None)
    _disabled.clear()

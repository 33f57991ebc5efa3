"""Environment variables: those of notebooks and IDEs that would end a program, and how long OpenMP's threads spin."""

import importlib.util
import os
import sys

BACKEND = "MPLBACKEND"  # every `!python …` in a notebook inherits module://matplotlib_inline.backend_inline
BACKENDS = (
    *("agg", "cairo", "gtk3agg", "gtk3cairo", "gtk4agg", "gtk4cairo", "macosx", "nbagg", "notebook", "pdf", "pgf"),
    *("ps", "qt5agg", "qt5cairo", "qtagg", "qtcairo", "svg", "template", "tkagg", "tkcairo", "webagg", "wx", "wxagg"),
    "wxcairo",
)
SPIN_COUNT = "20000"  # about a millisecond


def drop_unusable_backend() -> None:
    """Removes a Matplotlib backend that is not installed, which would end `import matplotlib`, and so `lightning`'s.

    A backend that is installed stays, for the notebook that imports this package.
    """
    backend = os.environ.get(BACKEND)
    if backend is None or "matplotlib" in sys.modules:
        return
    module = backend.removeprefix("module://").partition(".")[0]
    is_usable = _is_installed(module) if backend.startswith("module://") else backend.lower() in BACKENDS
    if not is_usable:
        del os.environ[BACKEND]


def ignore_foreign_variables() -> None:
    """Makes a program draw into files only, and drops the settings of progress bars that it does not have.

    A `TQDM_…` that is not a number ends `import tqdm`. The processes that this one starts inherit the result.
    """
    os.environ[BACKEND] = "agg"
    for name in [name for name in os.environ if name.startswith("TQDM_")]:
        del os.environ[name]


def spin_briefly() -> None:
    """Makes OpenMP's threads sleep after a millisecond of active waiting, unless the user has chosen how they wait.

    GCC's runtime, which torch has, lets them spin for 15 times as long. Threads that spin keep a core from those that
    they wait for: beside another program with as many threads as cores, a step of the lecture's network with two
    threads takes 25 ms with this, and 190 ms without; alone, the time is the same. It has to be set before torch is
    imported.
    """
    if not {"OMP_WAIT_POLICY", "GOMP_SPINCOUNT"} & os.environ.keys():
        os.environ["GOMP_SPINCOUNT"] = SPIN_COUNT


def _is_installed(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except (ImportError, ValueError):
        return False

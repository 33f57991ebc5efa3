"""What can go wrong."""

EXIT_USER_ERROR = 2  # the other exit codes are those of run.Status


class UserError(ValueError):
    """A mistake of the user's: its text names the value, what is allowed and what to do."""


class Carried(BaseException):
    """Carries an exception past Hydra, which would warn of it, or announce it in lines of its own."""

    def __init__(self, error: Exception) -> None:
        super().__init__(error)
        self.error = error


class SweepFailed(RuntimeError):
    """A job of a sweep failed, which the sweep has told of already."""


class Diverged(ArithmeticError):
    """A loss became NaN or infinite: a result of the experiment, not a fault of the program."""


class Pruned(Exception):
    """A search has no use for the rest of a run: a result, not a fault."""

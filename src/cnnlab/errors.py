"""cnnlab's exceptions."""

EXIT_USER_ERROR = 2  # run.Status has the other exit codes


class UserError(ValueError):
    """A user's mistake; the message states the value, what is allowed and what to do."""


class HydraBypass(BaseException):
    """Wraps an exception so that Hydra passes it on without printing its own messages."""

    def __init__(self, error: Exception) -> None:
        super().__init__(error)
        self.error = error


class SweepFailed(RuntimeError):
    """A job of a sweep failed; the sweep has already reported it."""


class Diverged(ArithmeticError):
    """A loss became NaN or infinite: a result of the experiment, not a fault of the program."""


class Pruned(Exception):
    """A search's pruner ended the run: a result, not a fault."""


def users_mistake(error: BaseException) -> UserError | None:
    """The UserError that caused an error of OmegaConf or Hydra, if one did."""
    cause: BaseException | None = error
    while cause is not None and not isinstance(cause, UserError):
        cause = cause.__cause__ or cause.__context__
    return cause


def one_line(error: BaseException) -> str:
    """What an error says, on one line; the name of its class if it says nothing."""
    return " ".join(str(error).split()) or type(error).__name__

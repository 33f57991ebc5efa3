"""Errors in a fit that torch.compile raises, where its compiler is missing or fails."""

from omegaconf import DictConfig

from cnnlab.errors import UserError

COMPILER = ("torch._dynamo.", "torch._inductor.")  # torch has no public base class for their errors


def explain_compile_error(error: Exception, config: DictConfig) -> UserError | None:
    """The line for an error of torch.compile.

    Args:
        error: As raised by the fit.
        config: The run's config.

    Returns:
        None if the error is of anything else.
    """
    if not config.model.compile or not type(error).__module__.startswith(COMPILER):
        return None
    cause = getattr(error, "inner_exception", error)  # what torch.compile's backend raised
    reason = next(iter(str(cause).splitlines()), type(cause).__name__)
    way_out = "install a C++ compiler, such as g++, or use model.compile=false"
    return UserError(f"model.compile=true: torch.compile failed: {reason.rstrip('.')}; {way_out}")

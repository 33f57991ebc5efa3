"""What became of a run."""

from enum import StrEnum


class Status(StrEnum):
    """The state of a run that has begun, as result.json gives it; `killed` also where there is no result.json."""

    COMPLETED = "completed"
    DIVERGED = "diverged"
    PRUNED = "pruned"
    INTERRUPTED = "interrupted"
    KILLED = "killed"
    FAILED = "failed"

    @property
    def exit_code(self) -> int:
        """Of the run's process. After SIGTERM an interrupted run has 143, and a failure by a user's error 2."""
        return _EXIT_CODES[self]

    @property
    def is_final(self) -> bool:
        """Whether the run is a result, and nothing is left to do."""
        return self in (Status.COMPLETED, Status.DIVERGED, Status.PRUNED)

    @property
    def can_resume(self) -> bool:
        """Whether the run continues from its checkpoint; one that failed is retried from the start."""
        return self in (Status.INTERRUPTED, Status.KILLED)

    @property
    def label(self) -> str:
        """The status in words."""
        return f"{self}, can be resumed" if self.can_resume else str(self)


_EXIT_CODES = {
    Status.COMPLETED: 0,
    Status.FAILED: 1,
    Status.DIVERGED: 3,
    Status.PRUNED: 4,
    Status.INTERRUPTED: 130,  # 128 + SIGINT
    Status.KILLED: 137,  # 128 + SIGKILL
}

"""The status of a run."""

from enum import StrEnum


class Status(StrEnum):
    """The status of a run that has started, as in result.json; `killed` also if there is no result.json.

    `running` is not recorded: a process holds the run's lock.
    """

    RUNNING = "running"

    COMPLETED = "completed"
    DIVERGED = "diverged"
    PRUNED = "pruned"
    INTERRUPTED = "interrupted"
    KILLED = "killed"
    FAILED = "failed"

    @property
    def exit_code(self) -> int:
        """The exit code of the run's process; after SIGTERM it is 143 instead, after a user's mistake 2."""
        return _EXIT_CODES[self]

    @property
    def is_final(self) -> bool:
        """Whether the run has its result, and is skipped from now on."""
        return self in (Status.COMPLETED, Status.DIVERGED, Status.PRUNED)

    @property
    def can_resume(self) -> bool:
        """Whether the run resumes, a running one once its process has ended.

        A sweep decides about a failed run by its checkpoint.
        """
        return self in (Status.RUNNING, Status.INTERRUPTED, Status.KILLED)

    @property
    def label(self) -> str:
        """The status for messages."""
        return f"{self}, can be resumed" if self in (Status.INTERRUPTED, Status.KILLED) else str(self)

    @classmethod
    def recorded(cls) -> "list[Status]":
        """Every status that a result.json can have."""
        return [status for status in cls if status is not cls.RUNNING]


_EXIT_CODES = {
    Status.COMPLETED: 0,
    Status.FAILED: 1,
    Status.DIVERGED: 3,
    Status.PRUNED: 4,
    Status.INTERRUPTED: 130,  # 128 + SIGINT
    Status.KILLED: 137,  # 128 + SIGKILL
}

"""The command line of a script in scripts/."""

import argparse
from typing import NoReturn

from cnnlab.errors import EXIT_USER_ERROR, UserError, one_line
from cnnlab.report.page.content import cleaned


class Parser(argparse.ArgumentParser):
    """A parser whose errors are one line each."""

    def error(self, message: str) -> NoReturn:
        """Ends the program.

        Args:
            message: What is wrong, and what to do.
        """
        self.exit(EXIT_USER_ERROR, f"error: {cleaned(one_line(UserError(message)))}\n")

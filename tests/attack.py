"""A stranger's folder in tests, with exploits that would leave a mark."""

import sys
from pathlib import Path

import pytest
from hydra.core.global_hydra import GlobalHydra

from cnnlab.cli.main import main
from tests.conftest import SMALL

SHORT = (*SMALL, "trainer.max_epochs=1", "trainer.limit_train_batches=3", "callbacks=light", "logger=none")
GLOBAL = "# @package _global_\n"


class Attack:
    """A stranger's folder, and the mark that an exploit in it would leave."""

    def __init__(self, folder: Path, capture: pytest.CaptureFixture[str], patch: pytest.MonkeyPatch) -> None:
        self.folder, self.mark, self.out = folder / "stranger", folder / "mark", folder / "out"
        self.capture, self.patch = capture, patch
        self.folder.mkdir()

    @property
    def call(self) -> str:
        """A config node that leaves the mark."""
        return f"{{_target_: os.mkdir, path: {self.mark}}}"

    def plant(self, path: str, text: str) -> None:
        """Writes a file of the stranger's."""
        file = self.folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text.replace("CALL", self.call).replace("MARK", str(self.mark)))

    def run(self, *arguments: str) -> tuple[int, str]:
        """Runs the program in this process; returns its exit code and its output."""
        typed = [text.replace("STRANGER", str(self.folder)).replace("CALL", self.call) for text in arguments]
        self.patch.setattr(sys, "argv", ["train.py", *typed])
        self.patch.chdir(self.folder.parent)
        GlobalHydra.instance().clear()
        try:
            code = main()
        except SystemExit as exit_:
            code = int(exit_.code or 0)
        done = self.capture.readouterr()
        return code, done.out + done.err

    def is_refused(self, *arguments: str, because: str) -> None:
        """Runs the program, which refuses the exploit on one line and leaves nothing behind."""
        before = sorted(self.folder.parent.rglob("*"))
        code, text = self.run(*arguments)
        assert not self.mark.exists(), "the exploit ran"
        assert (code, text.count("\n")) == (2, 1), text
        assert because in text
        assert sorted(self.folder.parent.rglob("*")) == before, "something was written"

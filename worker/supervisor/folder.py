"""The data folder: made, tried, locked. The console keeps its secret in it."""

import fcntl
import os
from pathlib import Path
from typing import IO

from .refusals import CannotStart


class DataFolder:
    """A folder that one running instance owns. Raises CannotStart: not a folder, not writable, in use."""

    def __init__(self, path: Path) -> None:
        self.path = path.absolute()
        if self.path.exists() and not self.path.is_dir():
            raise CannotStart(f"the data folder {self.path} is a file: name a folder: --data DIR")
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            self._lock = self._locked()
        except OSError as error:
            raise CannotStart(
                f"the data folder {self.path} cannot be used: {error.strerror}. "
                "Name one that this user may write to: --data DIR"
            ) from None

    def _locked(self) -> IO[str]:
        # The lock is the open file's: the kernel frees it however this process ends.
        file = (self.path / "lock").open("a+")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            holder = file.read().strip()
            file.close()
            raise CannotStart(
                f"the data folder {self.path} is in use by another running instance "
                f"(process {holder or 'unknown'}): stop that one, or name another folder: --data DIR"
            ) from None
        file.truncate(0)
        file.write(f"{os.getpid()}\n")
        file.flush()
        return file

    def database_url(self) -> str:
        """The SQLite file in this folder."""
        return f"sqlite:///{self.path / 'counterfoil.sqlite3'}"

    def release(self) -> None:
        """Give the folder back."""
        self._lock.close()

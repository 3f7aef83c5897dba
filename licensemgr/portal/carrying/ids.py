"""Under which ids rows of a file stand in this database."""

import contextlib
import sqlite3
from collections.abc import Iterable, Iterator

from licensemgr.portal.carrying.kinds import CarryRefused


class Ids:
    """Rows by their kind and what the file calls them, kept on the disk: there may be more than memory holds."""

    def __init__(self, kept: sqlite3.Connection) -> None:
        self._kept = kept
        kept.execute("CREATE TABLE ids (kind TEXT, called TEXT, id INTEGER, PRIMARY KEY (kind, called)) WITHOUT ROWID")

    def learn(self, kind: str, found: Iterable[tuple[object, int]]) -> None:
        """Remember what rows of a kind are called, and their ids here. Raises CarryRefused where two are called the same."""
        try:
            self._kept.executemany("INSERT INTO ids VALUES (?, ?, ?)", ((kind, str(name), pk) for name, pk in found))
        except sqlite3.IntegrityError as error:
            raise CarryRefused(f"Two rows of {kind} are called the same in the file. Nothing was imported.") from error

    def find(self, kind: str, called: object) -> int:
        """The id of a row here. Raises CarryRefused for one of which the file did not tell."""
        found = self._kept.execute("SELECT id FROM ids WHERE kind = ? AND called = ?", (kind, str(called))).fetchone()
        if found is None:
            raise CarryRefused(f"The file names {called} of {kind} and does not hold it. Nothing was imported.")
        return int(found[0])


@contextlib.contextmanager
def remembered_ids() -> Iterator[Ids]:
    """Ids that are forgotten afterwards."""
    # An empty name is a file of SQLite's own, gone with the connection.
    with contextlib.closing(sqlite3.connect("", isolation_level=None)) as kept:
        # Nothing has to survive, so nothing waits for the disk.
        kept.execute("PRAGMA journal_mode = OFF")
        kept.execute("BEGIN")
        yield Ids(kept)

"""The file that holds an organization, looked at from end to end before anything of it is taken in."""

import hashlib
import json
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from typing import IO, Any

from licensemgr.portal.carrying import CATALOGUE, FORMAT, MANIFEST, PEOPLE, VERSION
from licensemgr.portal.carrying.kinds import KINDS, ORGANIZATION, CarryRefused, Row

# A line holds a row; the longest are those with the devices of a system one by one.
_LONGEST_LINE = 64 * 1024 * 1024
_LONGEST_MANIFEST = 1024 * 1024
_PIECE_BYTES = 1024 * 1024
_NEEDED = {CATALOGUE, PEOPLE, ORGANIZATION.part, *(kind.part for kind in KINDS if kind.needed)}


class Archive:
    """A file whose every part is what its manifest says. Raises CarryRefused for any other."""

    def __init__(self, file: IO[bytes]) -> None:
        try:
            self._zip = zipfile.ZipFile(file)
            self._manifest = self._read_manifest()
            self._parts: Mapping[str, Any] = {part["name"]: part for part in self._manifest["parts"]}
            self._check_parts()
        except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
            raise CarryRefused(f"The file is no zip, or is not whole: {error}. Nothing was imported.") from error
        except (KeyError, TypeError, ValueError, RecursionError) as error:
            raise CarryRefused("The file's manifest can't be read. Nothing was imported.") from error

    @property
    def slug(self) -> str:
        """The organization's name in addresses."""
        return str(self._manifest["organization"]["slug"])

    def rows(self, part: str) -> Iterator[Row]:
        """The rows of a part, one after another; none of one that the file did not need to have."""
        if part not in self._parts:
            return
        with self._zip.open(part) as lines:
            while line := lines.readline(_LONGEST_LINE + 1):
                if len(line) > _LONGEST_LINE:
                    raise CarryRefused(f"{part} has a line that is too long. Nothing was imported.")
                try:
                    row = json.loads(line)
                except (ValueError, RecursionError) as error:
                    raise CarryRefused(f"{part} has a line that is no JSON. Nothing was imported.") from error
                if not isinstance(row, dict):
                    raise CarryRefused(f"{part} has a line that is no row. Nothing was imported.")
                yield row

    def _read_manifest(self) -> Mapping[str, Any]:
        if MANIFEST not in self._zip.namelist():
            raise CarryRefused(f"The file holds no {MANIFEST}, so it is no organization's. Nothing was imported.")
        with self._zip.open(MANIFEST) as file:
            manifest = json.loads(file.read(_LONGEST_MANIFEST))
        if manifest["format"] != FORMAT:
            raise CarryRefused("The file holds something else than an organization. Nothing was imported.")
        if manifest["version"] != VERSION:
            raise CarryRefused(
                f"The file is of version {manifest['version']}, this portal reads version {VERSION}. Nothing was imported; "
                "import it into a portal of the release that wrote it, or a newer one."
            )
        return dict(manifest)

    def _check_parts(self) -> None:
        missing = sorted(_NEEDED - self._parts.keys())
        if missing:
            raise CarryRefused(f"The file's manifest names no {missing[0]}. Nothing was imported.")
        names = sorted(self._zip.namelist())
        if names != sorted([*self._parts, MANIFEST]):
            raise CarryRefused("The file holds other parts than its manifest names. Nothing was imported.")
        for name, part in self._parts.items():
            if self._measure(name, part["bytes"]) != (part["bytes"], part["sha256"], part["rows"] or 0):
                raise CarryRefused(f"{name} is not what the file's manifest says. Nothing was imported.")

    def _measure(self, name: str, longest: int) -> tuple[int, str, int]:
        """A part's length, digest and number of rows; no further than the length that it should have."""
        length, digest, lines = 0, hashlib.sha256(), 0
        with self._zip.open(name) as part:
            while length <= longest and (piece := part.read(_PIECE_BYTES)):
                length += len(piece)
                digest.update(piece)
                lines += piece.count(b"\n")
        return length, digest.hexdigest(), lines if self._parts[name]["rows"] is not None else 0

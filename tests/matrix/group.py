"""A group of cases: what every persona asks alike, and the same by the right person."""

from dataclasses import dataclass

from tests.architecture.urls import Route
from tests.matrix.asking import Ask

# The last is none that anybody knows.
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "FROB")


@dataclass(frozen=True)
class Group:
    """``letter`` is of the organization in the path, empty for none; ``control`` is what its administrator, or staff, asks."""

    variant: str
    route: Route
    letter: str
    what: Ask
    control: Ask
    # Of which organization the administrator asks the control; that of the path unless said otherwise.
    control_letter: str = ""

    @property
    def is_foreign(self) -> bool:
        """Whether the path itself names something that is not the organization's."""
        return self.variant.endswith("in path")

    @property
    def is_in_path(self) -> bool:
        """Whether it is the path alone that asks."""
        return self.variant == "path" or self.is_foreign

    def __str__(self) -> str:
        return f"[{self.variant}] {self.what}"

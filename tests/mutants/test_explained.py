"""What is explained of mutants is about lines that there are: whoever rewrites one looks again what its mutants mean."""

import pytest

from tests.faults.fault import ROOT
from tests.mutants.explained import EXPLAINED


@pytest.mark.parametrize(("path", "line"), sorted({(path, line) for path, line, _broken in EXPLAINED}))
def test_each_line_stands_once_in_its_file(path: str, line: str) -> None:
    assert (ROOT / path).read_text(encoding="utf-8").count(line) == 1


def test_each_has_a_reason() -> None:
    assert all(reason.endswith(".") for reason in EXPLAINED.values())

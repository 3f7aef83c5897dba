"""What ``make proof`` wrote down stays when other parts are run later, also on another machine."""

from tests.proof import COLUMNS, PARTS, REPORT, read_rows, report


def test_the_figures_of_other_parts_stay() -> None:
    text = REPORT.read_text(encoding="utf-8")
    rows = read_rows(text)
    assert report(rows) == text
    new = dict(zip(COLUMNS, ("units", "a million", "SQLite", "1 passed", "1 s", "7", "abc", "2026-01-01"), strict=True))
    again = report(rows | {"units": new})
    assert set(text.splitlines()) < set(again.splitlines())
    assert read_rows(again)["units"] == new


def test_each_row_is_of_a_part_that_there_is() -> None:
    names = {part.name for part in PARTS}
    lines = REPORT.read_text(encoding="utf-8").splitlines()
    told = [line.split("|")[1].strip() for line in lines if line.startswith("| ")][2:]
    assert told
    assert set(told) <= names

"""What ``make proof`` wrote down stays when other parts are run later, also on another machine."""

from tests.proof import COLUMNS, PARTS, REPORT, read_rows, report


def row(part: str, closing: str) -> dict[str, str]:
    return dict(zip(COLUMNS, (part, "what it is", "SQLite", closing, "1 s", "7", "abc", "2026-01-01"), strict=True))


def test_the_figures_of_other_parts_stay() -> None:
    text = report({"files": row("files", "3 passed; 2,500 zips"), "units": row("units", "FAILED: 1 failed")})
    rows = read_rows(text)
    assert report(rows) == text
    again = report(rows | {"units": row("units", "1 passed")})
    assert read_rows(again)["files"] == row("files", "3 passed; 2,500 zips")
    assert read_rows(again)["units"] == row("units", "1 passed")
    text = REPORT.read_text(encoding="utf-8")
    assert report(read_rows(text)) == text


def test_each_row_is_of_a_part_that_there_is() -> None:
    names = {part.name for part in PARTS}
    lines = REPORT.read_text(encoding="utf-8").splitlines()
    told = [line.split("|")[1].strip() for line in lines if line.startswith("| ")][2:]
    assert told
    assert set(told) <= names

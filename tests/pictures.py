"""What stands in the tables beside pictures."""

import re

# Need, allocated, missing, in the wallet, to buy, expiring: of one year.
Numbers = tuple[int, int, int, int, int, int]


def coverage_numbers(html: str) -> dict[str, list[Numbers]]:
    """The rows of the coverage table by the name of their group, a license type or a product."""
    found: dict[str, list[Numbers]] = {}
    table = re.search(r'<table class="table table-coverage">(.*?)</table>', html, re.DOTALL)
    assert table, "the page has no coverage table"
    for group in re.findall(r"<tbody>(.*?)</tbody>", table[1], re.DOTALL):
        [name] = re.findall(r'<th scope="rowgroup"[^>]*>(.*?)</th>', group)
        cells = [int(cell) for cell in re.findall(r'<td class="num">(?:<a [^>]*>)?(\d+)<', group)]
        found[name] = [tuple(cells[start : start + 6]) for start in range(0, len(cells), 6)]  # type: ignore[misc]
    return found

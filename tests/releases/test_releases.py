"""What `python -m tests.releases` goes by: whole releases, and a comparison that sees what is gone."""

import pytest

from tests.processes.stack import ROOT
from tests.releases.__main__ import CODE, KINDS, differences
from tests.releases.recording import numbers
from tests.releases.releases import last_release, releases, version_of_now

SAID = {"harbour": {"books": {"entries": [[1, "redeemed", 9]]}, "pages": {"history": {"9": 2, "2027": 1}}}}


def test_each_release_is_whole_and_the_last_is_not_ahead_of_the_code() -> None:
    for release in releases():
        assert release.folder.name == release.version
        assert len(release.commit) == 40
        assert all((release.folder / f"{kind}.{part}.gz").exists() for kind in KINDS for part in ("sql", "json"))
    assert (last_release().folder / CODE).exists()

    def number(version: str) -> list[int]:
        return [int(part) for part in version.split(".")]

    assert number(version_of_now()) >= number(last_release().version)


def test_each_release_has_its_heading_in_the_changelog() -> None:
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert [each.version for each in releases() if f"\n## {each.version} (" not in text] == []


@pytest.mark.parametrize(
    ("now", "found"),
    [
        (SAID, []),
        # Further kinds of what is written down, and further words on pages, came with later versions.
        ({"harbour": {**SAID["harbour"], "new": 1, "pages": {"history": {"9": 3, "2027": 1, "5": 1}}}}, []),
        ({}, ["/harbour: "]),
        (
            {"harbour": SAID["harbour"] | {"books": {"entries": [[1, "redeemed", 8]]}}},
            ["/harbour/books/entries[0][2]: 9"],
        ),
        ({"harbour": SAID["harbour"] | {"books": {"entries": []}}}, ["/harbour/books/entries: "]),
        (
            {"harbour": SAID["harbour"] | {"pages": {"history": {"9": 1, "2027": 1}}}},
            ["/harbour/pages/history/9: 2 times"],
        ),
        ({"harbour": SAID["harbour"] | {"pages": {"history": {"9": 2}}}}, ["/harbour/pages/history/2027: "]),
    ],
)
def test_what_is_said_no_more_is_found(now: object, found: list[str]) -> None:
    told = list(differences(SAID, now))
    assert len(told) == len(found)
    assert all(line.startswith(begin) for line, begin in zip(told, found, strict=True))


def test_numbers_of_a_page_are_counted() -> None:
    assert numbers(["9", "of", "9", "on", "2027-03-01", 'id="c1"']) == {"2027-03-01": 1, "9": 2}

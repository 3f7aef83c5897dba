"""The look after each fault finds what is lost, doubled, halved, or there although it was refused."""

import uuid
from typing import Any, cast

import pytest

from tests.rig import looking
from tests.rig.asking import Answer, Journal, perform
from tests.rig.portal import Portal


class Books:
    """What a database answers to the look's statements."""

    not_taken: tuple[tuple[str, int], ...] = ()

    def __init__(self, **there: list[str]) -> None:
        self._there = there

    def ask(self, statement: str) -> list[tuple[Any, ...]]:
        """Rows of the kind of change that the statement is about."""
        if statement == looking.NOT_TAKEN:
            return list(self.not_taken)
        [what] = [what for what, asked in looking.THERE.items() if asked == statement]
        return [(name,) for name in self._there.get(what, [])]


def look(journal: Journal, **there: list[str]) -> list[str]:
    """What differs."""
    return looking.differences(cast(Portal, Books(**there)), journal)


def asked(*answers: int, what: str = "redeem", name: str = "a") -> Journal:
    """A journal of one change that was answered so."""
    journal = Journal()
    for status in answers:
        perform(journal, what, name, lambda status=status: Answer(status), until_answered=False)  # type: ignore[misc]
    return journal


@pytest.mark.parametrize(
    ("answers", "there", "is_right"),
    [
        ([303], ["a"], True),
        ([303], [], False),
        ([303], ["a", "a"], False),
        ([0], ["a"], True),
        ([0], [], True),
        ([0], ["a", "a"], False),
        ([500, 303], ["a"], True),
        ([500, 303], [], False),
        ([409], [], True),
        ([409], ["a"], False),
        # The first may have taken effect, whatever the second is told.
        ([0, 409], ["a"], True),
        # A page in the place of a redirect is the form that was not taken.
        ([200], ["a"], False),
    ],
)
def test_what_is_there_is_held_against_what_was_answered(answers: list[int], there: list[str], is_right: bool) -> None:
    assert (look(asked(*answers), redeem=there) == []) is is_right


def test_what_nobody_asked_for_is_found() -> None:
    assert look(Journal(), redeem=["b"]) == ["redeem b is there, and nobody asked for it"]


def test_an_upload_is_there_as_the_report_of_each_of_its_files(monkeypatch: pytest.MonkeyPatch) -> None:
    journal = asked(303, what="upload", name="b x/1 y/1")
    assert look(journal, report=["x/1", "y/1"]) == []
    assert look(journal, report=["x/1"]) == ["report y/1, acknowledged, is there 0 times"]
    # Of its second file the page said that the portal failed at it.
    monkeypatch.setattr(Books, "not_taken", (("b", 2),))
    assert look(journal, report=["x/1"]) == []
    assert look(journal, report=["x/1", "y/1"]) == ["report y/1, said not to be taken, is there 1 times"]


def test_what_the_page_after_an_upload_said_holds_whatever_is_written_down(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Books, "not_taken", (("b", 1), ("b", 2)))
    journal = asked(303, what="upload", name="b x/1 y/1")
    # Nobody saw the page: what it says is what is written down.
    assert look(journal) == []
    journal.tell("upload", "b x/1 y/1", (True, False))
    assert look(journal) == ["report x/1, acknowledged, is there 0 times"]
    assert look(journal, report=["x/1"]) == []
    assert look(journal, report=["x/1", "y/1"]) == ["report y/1, said not to be taken, is there 1 times"]


def test_a_file_that_the_page_said_was_not_taken_may_be_taken_by_a_request_whose_answer_was_lost() -> None:
    journal = asked(0, 303, what="upload", name="b x/1")
    journal.tell("upload", "b x/1", (False,))
    assert look(journal, report=["x/1"]) == []
    # It was: so it has to stay.
    assert look(journal) == ["report x/1, acknowledged, is there 0 times"]


def test_an_upload_of_which_the_page_says_that_nothing_was_taken_is_no_acknowledged_change() -> None:
    journal = asked(303, what="upload", name="b x/1")
    assert journal.acknowledged() == 1
    journal.tell("upload", "b x/1", (False,))
    assert journal.acknowledged() == 0


def test_a_name_is_known_with_and_without_hyphens() -> None:
    name = uuid.uuid4()
    assert look(asked(303, name=str(name)), redeem=[name.hex]) == []


def test_a_mail_is_lost_or_comes_too_often() -> None:
    journal = asked(303, what="invite", name="a@example.com")

    class Mails:
        mail = type("Mail", (), {"mails": []})

    portal = cast(Portal, Mails())
    assert looking.mails_lost_or_doubled(portal, journal, 0) == ["the mail to a@example.com did not arrive"]
    Mails.mail.mails = ["Subject: S\r\nTo: a@example.com\r\n\r\n"] * 2  # type: ignore[attr-defined]
    assert len(looking.mails_lost_or_doubled(portal, journal, 0)) == 1
    assert looking.mails_lost_or_doubled(portal, journal, 1) == []

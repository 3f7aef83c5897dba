"""Whether the database has just what was acknowledged: each change once, whole, and nothing that nobody asked for."""

import json
import sys
import traceback
from collections import Counter, defaultdict
from collections.abc import Container

from tests.rig.asking import Change, Journal
from tests.rig.portal import Portal

# How each kind of change is found in a database, under the name by which the journal knows it.
THERE = {
    "redeem": "SELECT form_token FROM wallet_redemption",
    "allocate": "SELECT nonce FROM subscriptions_allocation",
    "report": (
        "SELECT products_system.system_id, '/', sequence FROM hardware_report"
        " JOIN products_system ON products_system.id = hardware_report.system_id"
    ),
    "license file": "SELECT file_id FROM hardware_licensefile",
    "register": "SELECT system_id FROM products_system WHERE source = 'manual' AND name LIKE 'By hand %'",
    "invite": "SELECT email FROM organizations_invitation",
}
# The files of uploads of which the page after Confirm tells, at their place, that they were not taken: because the portal failed at
# them, too. It goes by this where nobody saw that page.
NOT_TAKEN = "SELECT batch, number FROM hardware_stagedfile WHERE outcome <> ''"
# Given with an answer that was lost, or with one that its reader did not look at.
MAY_BE_UNKNOWN = {"license file"}
_COUNTED = "SELECT organization_id, count({}) AS number FROM {} GROUP BY organization_id"
_REDEMPTIONS = _COUNTED.format("*", "wallet_redemption")
_HISTORY = "history_record WHERE action = '{}'"
# What is written together with a change: as many of the one as of the other, per organization.
TOGETHER = {
    "redemptions and their history": (
        _REDEMPTIONS,
        _COUNTED.format("*", _HISTORY.format("wallet.license_key.redeemed")),
    ),
    "redemptions and their transfers": (
        _REDEMPTIONS,
        _COUNTED.format("*", "wallet_transfer WHERE reason = 'redeemed'"),
    ),
    "allocations and their history": (
        _COUNTED.format("*", "subscriptions_allocation"),
        _COUNTED.format("*", _HISTORY.format("subscriptions.licenses.allocated")),
    ),
    "invitations and their mails": (
        _COUNTED.format("*", "organizations_invitation"),
        _COUNTED.format("*", "core_outboxmessage WHERE reason LIKE 'invitation:%'"),
    ),
    "license files and their history": (
        _COUNTED.format("*", "hardware_licensefile"),
        _COUNTED.format("*", _HISTORY.format("hardware.license_file.issued")),
    ),
    "transfers and what moved": (
        _COUNTED.format("*", "wallet_transfer"),
        _COUNTED.format("DISTINCT transfer_id", "wallet_entry"),
    ),
}


def differences(portal: Portal, journal: Journal) -> list[str]:
    """What the database has too little or too much of; changes that are on their way now may be there."""
    # In this order: what is acknowledged in between is there, and what is asked for in between is known.
    answered = [change for change in journal.changes() if change.is_answered_well]
    refused = [change for change in journal.changes() if change.is_refused]
    there = {
        what: Counter(_plain("".join(map(str, row))) for row in portal.ask(statement))
        for what, statement in THERE.items()
    }
    not_taken = {(_plain(str(batch)), number) for batch, number in portal.ask(NOT_TAKEN)}
    known: defaultdict[str, set[str]] = defaultdict(set)
    for change in journal.changes():
        for what, name in _parts(change):
            known[what].add(name)
    found = [
        f"{what} {name}, {'acknowledged' if is_acknowledged else 'said not to be taken'}, is there {there[what][name]} times"
        for change in answered
        for (what, name), is_acknowledged in zip(_parts(change), _acknowledged(change, not_taken), strict=True)
        if there[what][name] != is_acknowledged
    ]
    # A refusal that came after an answer that was lost is in `answers` with it, and no refusal.
    found += [
        f"{what} {name}, refused with {change.answers}, is there"
        for change in refused
        if change.is_refused
        for what, name in _parts(change)
        if there[what][name] and change.what != "upload"
    ]
    for what, names in there.items():
        found += [f"{what} {name} is there {count} times" for name, count in names.items() if count > 1]
        if what not in MAY_BE_UNKNOWN:
            found += [f"{what} {name} is there, and nobody asked for it" for name in names.keys() - known[what]]
    return found


def halves(portal: Portal) -> list[str]:
    """Changes of which a part is there, as of one moment."""
    found = []
    for what, (left, right) in TOGETHER.items():
        # One statement, so that it is one moment.
        rows = portal.ask(
            f"SELECT organization_id, a.number, b.number FROM ({left}) a FULL JOIN ({right}) b USING (organization_id)"
            " WHERE a.number IS DISTINCT FROM b.number"
        )
        found += [f"{what} of organization {organization}: {a} and {b}" for organization, a, b in rows]
    return found


def _parts(change: Change) -> list[tuple[str, str]]:
    """A change as what it has to have left; an upload, named by its batch and its files, is a report of each of these."""
    if change.what == "upload":
        return [("report", _plain(name)) for name in change.name.split()[1:]]
    return [(change.what, _plain(change.name))]


def _acknowledged(change: Change, not_taken: Container[tuple[str, int]]) -> list[bool]:
    """Which parts of a change that was answered well are acknowledged: of an upload, the files that were said to be accepted."""
    batch = _plain(change.name.split()[0])
    by_rows = [(batch, number) not in not_taken for number, _part in enumerate(_parts(change), start=1)]
    if change.told is None:
        return by_rows
    # What the page said holds; but a file of which it said no may be taken later by a request whose answer was lost before.
    is_over = all(200 <= status < 400 for status in change.answers)
    return [said or (not is_over and by_row) for said, by_row in zip(change.told, by_rows, strict=True)]


def _plain(name: str) -> str:
    """SQLite keeps UUIDs without hyphens."""
    return name.replace("-", "")


def mails_lost_or_doubled(portal: Portal, journal: Journal, doubled_at_most: int) -> list[str]:
    """Each invitation that was acknowledged is mailed; twice only where whoever sent it ended before it was written down."""
    arrived = Counter(
        line.removeprefix("To: ").strip()
        for mail in portal.mail.mails
        for line in mail.splitlines()
        if line.startswith("To: ")
    )
    invited = [change.name for change in journal.changes() if change.what == "invite" and change.is_acknowledged]
    found = [f"the mail to {name} did not arrive" for name in invited if not arrived[name]]
    doubled = sum(arrived[name] - 1 for name in invited if arrived[name] > 1)
    if doubled > doubled_at_most:
        found.append(
            f"{doubled} mails arrived again, and {doubled_at_most} times somebody who may have sent one was ended"
        )
    return found


def serve() -> None:
    """`verify_books` whenever a line comes in; what differs, as a line of JSON, null where it can't be read.

    Run by ``manage.py shell``.
    """
    from django.db import DatabaseError, connection

    from licensemgr.portal.verifying import verify_books

    for _line in sys.stdin:
        connection.close()
        try:
            found: list[str] | None = [str(difference) for difference in verify_books().differences]
        except DatabaseError:
            traceback.print_exc()
            found = None
        print(json.dumps(found), flush=True)

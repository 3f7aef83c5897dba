"""What was acknowledged, and when, outside of the database; and whether a database has just that."""

import json
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from tests.restoring.server import Server

# How each kind of change is found in a database, under the name by which the journal knows it.
_THERE = {
    "issue": "SELECT form_token::text FROM wallet_keybatch WHERE form_token IS NOT NULL",
    "redeem": "SELECT form_token::text FROM wallet_redemption",
    "allocate": "SELECT nonce::text FROM subscriptions_allocation",
    "report": (
        "SELECT products_system.system_id || '/' || sequence FROM hardware_report"
        " JOIN products_system ON products_system.id = hardware_report.system_id"
    ),
    "license file": "SELECT file_id::text FROM hardware_licensefile",
}
_SETTLED = "SELECT id::text, settled_through::text FROM organizations_organization"


@dataclass(frozen=True)
class Change:
    """A change that was acknowledged: asked for at ``begun``, answered at ``acknowledged``."""

    what: str
    # A change names itself; a settle is an organization's number and the day.
    name: str
    begun: datetime
    acknowledged: datetime


def read(folder: Path) -> list[Change]:
    """The journals of all processes of the load."""
    changes = []
    for path in sorted(folder.glob("journal-*.jsonl")):
        for line in path.read_text().splitlines():
            what, name, begun, acknowledged = json.loads(line)
            changes.append(Change(what, name, datetime.fromisoformat(begun), datetime.fromisoformat(acknowledged)))
    return changes


def differences(server: Server, changes: Iterable[Change], at: datetime) -> list[str]:
    """What the database has too little or too much of, were it that of ``at``; empty where all is as it was.

    What was acknowledged by then has to be there once, what was asked for later not at all, and what was on its way may be.
    """
    by_kind: defaultdict[str, dict[str, Change]] = defaultdict(dict)
    for change in changes:
        # A license file is named by each answer that brought it: by the first it was given.
        by_kind[change.what].setdefault(change.name, change)
    found = _of_settles(server, by_kind.pop("settle", {}).values(), at)
    for what, statement in _THERE.items():
        there = Counter(name for (name,) in server.ask(statement))
        known = by_kind[what]
        found += [f"{what} {name} is there, and nobody asked for it" for name in there if name not in known]
        for name, change in known.items():
            if change.acknowledged <= at and there[name] != 1:
                found.append(f"{what} {name}, acknowledged at {change.acknowledged}, is there {there[name]} times")
            elif change.begun > at and there[name]:
                found.append(f"{what} {name}, asked for at {change.begun}, is there")
            elif there[name] > 1:
                found.append(f"{what} {name}, on its way, is there {there[name]} times")
    return found


def _of_settles(server: Server, settles: Iterable[Change], at: datetime) -> list[str]:
    """Days only go forward: an organization is settled at least to the last that was acknowledged, and no further than asked."""
    found = []
    least: dict[str, str] = {}
    most: dict[str, str] = {}
    for change in settles:
        organization, day = change.name.split("/")
        if change.acknowledged <= at:
            least[organization] = max(least.get(organization, ""), day)
        if change.begun <= at:
            most[organization] = max(most.get(organization, ""), day)
    for organization, through in server.ask(_SETTLED):
        if organization in least and (through or "") < least[organization]:
            found.append(f"{organization} is settled to {through}, and {least[organization]} was acknowledged")
        if organization in most and (through or "") > most[organization]:
            found.append(f"{organization} is settled to {through}, and nobody asked for more than {most[organization]}")
    return found


def on_their_way(changes: Iterable[Change], at: datetime) -> int:
    """How many changes were asked for and not answered at ``at``."""
    return sum(change.begun <= at < change.acknowledged for change in changes)


def given_after(changes: Iterable[Change], at: datetime) -> tuple[set[str], set[str]]:
    """The license files that `reconcile_issued` has to name, restored to ``at``; and those besides that it may: on their way."""
    first: dict[str, Change] = {}
    for change in changes:
        if change.what == "license file":
            first.setdefault(change.name, change)
    must = {name for name, change in first.items() if change.begun > at}
    may = {name for name, change in first.items() if change.begun <= at < change.acknowledged}
    return must, may

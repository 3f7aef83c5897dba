"""What happened, in a sentence for each action: the closed map that History and its export read (R32).

A module for each app. A payload is read with care: what is absent or of another shape than expected leaves its part out, and
never breaks the page.
"""

from collections.abc import Mapping

from history.models import Record
from history.sentences import hardware, organizations, products, subscriptions, wallet
from history.sentences.facts import Facts, Names, Tell

__all__ = ["Names", "invitations_named", "people_named", "sentence"]

_SENTENCES: Mapping[str, Tell] = {
    **organizations.SENTENCES,
    **products.SENTENCES,
    **hardware.SENTENCES,
    **wallet.SENTENCES,
    **subscriptions.SENTENCES,
}


def sentence(record: Record, names: Names) -> str:
    """What the record tells."""
    facts = Facts(record, names)
    tell = _SENTENCES.get(record.action)
    return tell(facts) if tell else str(record.get_action_display())


def people_named(record: Record) -> list[int]:
    """The ids of the people whom the payload names, besides who did it."""
    member = record.payload.get("member") if isinstance(record.payload, Mapping) else None
    return [member] if isinstance(member, int) else []


def invitations_named(record: Record) -> list[int]:
    """The ids of the invitations that the payload names."""
    invitation = record.payload.get("invitation") if isinstance(record.payload, Mapping) else None
    return [invitation] if isinstance(invitation, int) else []

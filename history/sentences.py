"""What happened, in a sentence for each action: the closed map that History and its export read (R32).

A payload is read with care: what is absent or of another shape than expected leaves its part out, and never breaks
the page.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from django.utils import formats
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from history.models import Action, Record


@dataclass(frozen=True)
class Names:
    """The names behind what payloads hold: people and invitations by id, license types by product id and code."""

    people: Mapping[int, str] = field(default_factory=dict)
    license_types: Mapping[tuple[int, str], str] = field(default_factory=dict)
    # The addresses that were invited, by the invitation's id.
    invitations: Mapping[int, str] = field(default_factory=dict)


@dataclass(frozen=True)
class _Facts:
    """One record's payload, read so that nothing in it can raise."""

    record: Record
    names: Names

    def text(self, key: str, default: str = "?") -> str:
        value = self._payload.get(key)
        return str(value) if isinstance(value, (str, int)) and value != "" else default

    def number(self, key: str) -> int | None:
        value = self._payload.get(key)
        return value if isinstance(value, int) and not isinstance(value, bool) else None

    def day(self, key: str) -> str:
        return _day(self._payload.get(key))

    def quantities(self, key: str) -> str:
        return self.listed(self._payload.get(key))

    def listed(self, value: object, *, skip_zero: bool = True) -> str:
        """“10 Core device, 5 Universal device”; empty when there is nothing."""
        if not isinstance(value, Mapping):
            return ""
        return ", ".join(
            f"{quantity} {self._type_name(str(code))}"
            for code, quantity in value.items()
            if isinstance(quantity, int) and (quantity or not skip_zero)
        )

    def items(self, key: str) -> list[Mapping[str, Any]]:
        value = self._payload.get(key)
        return [item for item in value if isinstance(item, Mapping)] if isinstance(value, list) else []

    def mapping(self, key: str) -> Mapping[str, Any]:
        value = self._payload.get(key)
        return value if isinstance(value, Mapping) else {}

    @property
    def product(self) -> str:
        return str(self.record.product) if self.record.product else _("a product")

    def _type_name(self, code: str) -> str:
        return self.names.license_types.get((self.record.product_id or 0, code), code)

    @property
    def _payload(self) -> Mapping[str, Any]:
        return self.record.payload if isinstance(self.record.payload, Mapping) else {}


def sentence(record: Record, names: Names) -> str:
    """What the record tells."""
    facts = _Facts(record, names)
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


def _day(value: object) -> str:
    try:
        return formats.date_format(date.fromisoformat(str(value)), "DATE_FORMAT")
    except ValueError:
        return "?"


def _person(facts: _Facts) -> str:
    return facts.names.people.get(facts.number("member") or 0, _("a former member"))


def _invited(facts: _Facts) -> str:
    return facts.names.invitations.get(facts.number("invitation") or 0, "?")


def _organization_created(facts: _Facts) -> str:
    return _("The organization %(name)s was created.") % {"name": facts.text("name")}


def _organization_changed(facts: _Facts) -> str:
    labels = {"name": _("name"), "country": _("country"), "time_zone": _("time zone")}
    changes = [
        _("%(field)s from “%(before)s” to “%(after)s”")
        % {
            "field": label,
            "before": facts.mapping("before").get(key, "?"),
            "after": facts.mapping("after").get(key, "?"),
        }
        for key, label in labels.items()
        if key in facts.mapping("after")
    ]
    if facts.text("contact", ""):
        # An address may be a person's, so that it stays outside of History.
        changes.append(_("contact for notices"))
    return _("The organization was changed: %(changes)s.") % {"changes": ", ".join(changes) or "?"}


def _member_added(facts: _Facts) -> str:
    return _("%(person)s became a member (%(role)s).") % {"person": _person(facts), "role": facts.text("role")}


def _member_role_changed(facts: _Facts) -> str:
    return _("The role of %(person)s is now %(role)s.") % {"person": _person(facts), "role": facts.text("role")}


def _member_removed(facts: _Facts) -> str:
    return _("%(person)s is no longer a member.") % {"person": _person(facts)}


def _product_registered(facts: _Facts) -> str:
    if facts.text("trial_last_day", "") not in ("", "None"):
        return _("%(product)s was registered. Its trial runs until %(day)s, that day included.") % {
            "product": facts.product,
            "day": facts.day("trial_last_day"),
        }
    return _("%(product)s was registered.") % {"product": facts.product}


def _system_added(facts: _Facts) -> str:
    return _("System %(system)s was added: %(devices)s.") % {
        "system": facts.text("system"),
        "devices": facts.quantities("devices") or _("no devices"),
    }


def _system_reported(facts: _Facts) -> str:
    before = facts.mapping("before")
    return _("Devices of system %(system)s: %(devices)s (before: %(before)s).") % {
        "system": facts.text("system"),
        "devices": facts.listed({code: facts.mapping("devices").get(code, 0) for code in before}, skip_zero=False)
        or facts.quantities("devices")
        or _("none"),
        "before": facts.listed(before, skip_zero=False) or _("none"),
    }


def _system_removed(facts: _Facts) -> str:
    return _("System %(system)s was removed, with %(devices)s.") % {
        "system": facts.text("system"),
        "devices": facts.quantities("before") or _("no devices"),
    }


def _key_redeemed(facts: _Facts) -> str:
    told = _("License key …%(tail)s was redeemed: %(licenses)s.") % {
        "tail": facts.text("key_tail"),
        "licenses": facts.quantities("licenses") or "?",
    }
    if facts.text("kind", "") == "hardware":
        told += " " + _("These licenses are tied to hardware.")
    if facts.text("order_reference", ""):
        told += " " + _("Order %(order)s.") % {"order": facts.text("order_reference")}
    return told


def _lot_expired(facts: _Facts) -> str:
    return _("%(licenses)s expired in the Product wallet, stored since %(day)s.") % {
        "licenses": facts.quantities("licenses") or "?",
        "day": facts.day("entered_on"),
    }


def _licenses_compensated(facts: _Facts) -> str:
    days, licenses = facts.quantities("days"), facts.quantities("licenses")
    told = _("License days given back: %(days)s.") % {"days": days or "?"}
    if licenses:
        told += " " + _("New licenses in the Product wallet: %(licenses)s.") % {"licenses": licenses}
    if facts.quantities("credit_days"):
        told += " " + _("Credit days that remain: %(days)s.") % {"days": facts.quantities("credit_days")}
    return told


def _subscription_started(facts: _Facts) -> str:
    return _("The subscription was started. Subscription year %(first)s to %(last)s, grace period until %(grace)s.") % {
        "first": facts.day("first_day"),
        "last": facts.day("last_day"),
        "grace": facts.day("grace_last_day"),
    }


def _licenses_allocated(facts: _Facts) -> str:
    parts = [
        _("%(licenses)s to the year %(first)s to %(last)s")
        % {
            "licenses": facts.listed(year.get("licenses")) or "?",
            "first": _day(year.get("first_day")),
            "last": _day(year.get("last_day")),
        }
        for year in facts.items("years")
    ]
    return _("Licenses were allocated: %(parts)s.") % {"parts": "; ".join(parts) or "?"}


def _year_opened(facts: _Facts) -> str:
    return _("The subscription year %(first)s to %(last)s began, with a grace period until %(grace)s.") % {
        "first": facts.day("first_day"),
        "last": facts.day("last_day"),
        "grace": facts.day("grace_last_day"),
    }


def _year_fully_licensed(facts: _Facts) -> str:
    return _(
        "The subscription year %(first)s to %(last)s became fully licensed. Its growth allowance is %(allowance)s."
    ) % {
        "first": facts.day("first_day"),
        "last": facts.day("last_day"),
        "allowance": facts.text("allowance"),
    }


def _allowance_exceeded(facts: _Facts) -> str:
    allowance = facts.number("allowance") or 0
    return ngettext(
        "The growth allowance of %(allowance)d device was exceeded. Missing: %(missing)s.",
        "The growth allowance of %(allowance)d devices was exceeded. Missing: %(missing)s.",
        allowance,
    ) % {"allowance": allowance, "missing": facts.quantities("missing") or "?"}


def _allowance_kept_again(facts: _Facts) -> str:
    return _("The growth allowance is kept again.")


def _member_left(facts: _Facts) -> str:
    return _("%(person)s left the organization.") % {"person": _person(facts)}


def _member_invited(facts: _Facts) -> str:
    return _("%(email)s was invited (%(role)s).") % {"email": _invited(facts), "role": facts.text("role")}


def _invitation_revoked(facts: _Facts) -> str:
    return _("The invitation of %(email)s was revoked.") % {"email": _invited(facts)}


def _support_view_opened(facts: _Facts) -> str:
    return _("The vendor's staff opened a read-only support view. Reason: %(reason)s.") % {
        "reason": facts.text("reason").rstrip(".")
    }


def _support_view_ended(facts: _Facts) -> str:
    return _("The vendor's staff ended the support view.")


def _organization_exported(facts: _Facts) -> str:
    return _("History and entries were downloaded.")


def _organization_closed(facts: _Facts) -> str:
    return _("The organization was closed. Its system ids are free; its books stay.")


def _product_hidden(facts: _Facts) -> str:
    return _("%(product)s was hidden from the Product list.") % {"product": facts.product}


def _product_shown(facts: _Facts) -> str:
    return _("%(product)s is on the Product list again.") % {"product": facts.product}


def _system_renamed(facts: _Facts) -> str:
    return _("System %(before)s is called %(system)s now.") % {
        "before": facts.text("before"),
        "system": facts.text("system"),
    }


def _system_moved(facts: _Facts) -> str:
    if not facts.text("serial", ""):
        return _("System %(system)s is on no hardware unit any more.") % {"system": facts.text("system")}
    return _("System %(system)s is on hardware unit %(serial)s now.") % {
        "system": facts.text("system"),
        "serial": facts.text("serial"),
    }


def _report_restored(facts: _Facts) -> str:
    return _("A system file of %(system)s with an older sequence number was accepted as restored from a backup.") % {
        "system": facts.text("system")
    }


def _identity_held(facts: _Facts) -> str:
    return _("System %(system)s signed with another key than before. Its report waits for a decision.") % {
        "system": facts.text("system")
    }


def _identity_accepted(facts: _Facts) -> str:
    return _("The new key of system %(system)s was accepted, and its report with it.") % {
        "system": facts.text("system")
    }


def _identity_refused(facts: _Facts) -> str:
    return _("The new key of system %(system)s was refused, and its report with it.") % {"system": facts.text("system")}


def _license_file_issued(facts: _Facts) -> str:
    return _("License file %(sequence)s was issued for system %(system)s.") % {
        "sequence": facts.text("sequence"),
        "system": facts.text("system"),
    }


def _unit_registered(facts: _Facts) -> str:
    return _("Hardware unit %(serial)s (%(model)s) was registered. Preloaded licenses: %(licenses)s.") % {
        "serial": facts.text("serial"),
        "model": facts.text("model"),
        "licenses": facts.quantities("licenses") or _("none"),
    }


def _unit_expanded(facts: _Facts) -> str:
    return _("Expansion licenses were allocated to hardware unit %(serial)s for its lifetime: %(licenses)s.") % {
        "serial": facts.text("serial"),
        "licenses": facts.quantities("licenses") or "?",
    }


def _unit_retired(facts: _Facts) -> str:
    return _("Hardware unit %(serial)s was retired. Its licenses ended: %(licenses)s.") % {
        "serial": facts.text("serial"),
        "licenses": facts.quantities("licenses") or _("none"),
    }


def _unit_replaced(facts: _Facts) -> str:
    return _(
        "Hardware unit %(serial)s was replaced by %(new_serial)s, to which its licenses moved: %(licenses)s. Reason: %(reason)s."
    ) % {
        "serial": facts.text("serial"),
        "new_serial": facts.text("new_serial"),
        "licenses": facts.quantities("licenses") or _("none"),
        "reason": facts.text("reason").rstrip("."),
    }


def _redemption_undone(facts: _Facts) -> str:
    return _(
        "The redemption of license key …%(tail)s on %(day)s was undone: %(licenses)s left the Product wallet, and the key "
        "can be redeemed again."
    ) % {
        "tail": facts.text("key_tail"),
        "day": facts.day("redeemed_on"),
        "licenses": facts.quantities("licenses") or "?",
    }


def _wallet_corrected(facts: _Facts) -> str:
    changes = {code: change for code, change in facts.mapping("licenses").items() if isinstance(change, int)}
    told = (
        _("The vendor took %(licenses)s out of the Product wallet. Reason: %(reason)s.")
        if any(change < 0 for change in changes.values())
        else _("The vendor put %(licenses)s into the Product wallet. Reason: %(reason)s.")
    )
    return told % {
        "licenses": facts.listed({code: abs(change) for code, change in changes.items()}) or "?",
        "reason": facts.text("reason").rstrip("."),
    }


def _year_released(facts: _Facts) -> str:
    return _("The coming year %(first)s to %(last)s was released: %(licenses)s went back to the Product wallet.") % {
        "first": facts.day("first_day"),
        "last": facts.day("last_day"),
        "licenses": facts.quantities("licenses") or "?",
    }


_SENTENCES: Mapping[str, Callable[[_Facts], str]] = {
    Action.ORGANIZATION_CREATED: _organization_created,
    Action.ORGANIZATION_CHANGED: _organization_changed,
    Action.MEMBER_ADDED: _member_added,
    Action.MEMBER_ROLE_CHANGED: _member_role_changed,
    Action.MEMBER_REMOVED: _member_removed,
    Action.MEMBER_LEFT: _member_left,
    Action.MEMBER_INVITED: _member_invited,
    Action.INVITATION_REVOKED: _invitation_revoked,
    Action.SUPPORT_VIEW_OPENED: _support_view_opened,
    Action.SUPPORT_VIEW_ENDED: _support_view_ended,
    Action.ORGANIZATION_EXPORTED: _organization_exported,
    Action.ORGANIZATION_CLOSED: _organization_closed,
    Action.PRODUCT_HIDDEN: _product_hidden,
    Action.PRODUCT_SHOWN: _product_shown,
    Action.REDEMPTION_UNDONE: _redemption_undone,
    Action.WALLET_CORRECTED: _wallet_corrected,
    Action.YEAR_RELEASED: _year_released,
    Action.PRODUCT_REGISTERED: _product_registered,
    Action.SYSTEM_ADDED: _system_added,
    Action.SYSTEM_REPORTED: _system_reported,
    Action.SYSTEM_RENAMED: _system_renamed,
    Action.SYSTEM_MOVED: _system_moved,
    Action.REPORT_RESTORED: _report_restored,
    Action.IDENTITY_HELD: _identity_held,
    Action.IDENTITY_ACCEPTED: _identity_accepted,
    Action.IDENTITY_REFUSED: _identity_refused,
    Action.LICENSE_FILE_ISSUED: _license_file_issued,
    Action.UNIT_REGISTERED: _unit_registered,
    Action.UNIT_EXPANDED: _unit_expanded,
    Action.UNIT_RETIRED: _unit_retired,
    Action.UNIT_REPLACED: _unit_replaced,
    Action.SYSTEM_REMOVED: _system_removed,
    Action.KEY_REDEEMED: _key_redeemed,
    Action.LOT_EXPIRED: _lot_expired,
    Action.LICENSES_COMPENSATED: _licenses_compensated,
    Action.SUBSCRIPTION_STARTED: _subscription_started,
    Action.LICENSES_ALLOCATED: _licenses_allocated,
    Action.YEAR_OPENED: _year_opened,
    Action.YEAR_FULLY_LICENSED: _year_fully_licensed,
    Action.ALLOWANCE_EXCEEDED: _allowance_exceeded,
    Action.ALLOWANCE_KEPT_AGAIN: _allowance_kept_again,
}

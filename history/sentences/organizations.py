"""Sentences of organizations and their people."""

from collections.abc import Mapping

from history.models import Action
from history.sentences.facts import Facts, Tell
from licensemgr.core.enumerations import counted_up
from licensemgr.core.worded import gettext as _


def _person(facts: Facts) -> str:
    return facts.names.people.get(facts.number("member") or 0, _("a former member"))


def _invited(facts: Facts) -> str:
    return facts.names.invitations.get(facts.number("invitation") or 0, "?")


def _organization_created(facts: Facts) -> str:
    return _("The organization %(name)s was created.") % {"name": facts.text("name")}


def _organization_changed(facts: Facts) -> str:
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
    return _("The organization was changed: %(changes)s.") % {"changes": counted_up(changes) or "?"}


def _member_added(facts: Facts) -> str:
    return _("%(person)s became a member (%(role)s).") % {"person": _person(facts), "role": facts.text("role")}


def _member_role_changed(facts: Facts) -> str:
    return _("The role of %(person)s is now %(role)s.") % {"person": _person(facts), "role": facts.text("role")}


def _member_removed(facts: Facts) -> str:
    return _("%(person)s is no longer a member.") % {"person": _person(facts)}


def _member_left(facts: Facts) -> str:
    return _("%(person)s left the organization.") % {"person": _person(facts)}


def _member_invited(facts: Facts) -> str:
    return _("%(email)s was invited (%(role)s).") % {"email": _invited(facts), "role": facts.text("role")}


def _invitation_revoked(facts: Facts) -> str:
    return _("The invitation of %(email)s was revoked.") % {"email": _invited(facts)}


def _support_view_opened(facts: Facts) -> str:
    return _("The vendor's staff opened a read-only support view. Reason: %(reason)s.") % {
        "reason": facts.text("reason").rstrip(".")
    }


def _support_view_ended(facts: Facts) -> str:
    return _("The vendor's staff ended the support view.")


def _organization_exported(facts: Facts) -> str:
    return _("History and entries were downloaded.")


def _organization_closed(facts: Facts) -> str:
    return _("The organization was closed. Its system ids are free; its books stay.")


SENTENCES: Mapping[str, Tell] = {
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
}

"""What people type about an organization and its members. Checks form, never rules."""

import uuid
import zoneinfo
from functools import cache
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from licensemgr.core.countries import countries
from organizations.models import Membership, Organization, Role


@cache
def time_zone_names() -> tuple[str, ...]:
    """Every IANA time zone that is named after a place, and UTC."""
    places = (name for name in zoneinfo.available_timezones() if "/" in name and not name.startswith("Etc/"))
    return ("UTC", *sorted(places))


class TimeZoneField(forms.ChoiceField):
    """A time zone, chosen from a list in groups; one that is stored already can be kept, whatever its name."""

    def __init__(self, **options: Any) -> None:
        options.setdefault("label", _("Time zone"))
        options.setdefault(
            "error_messages",
            {
                "required": _("Choose the time zone in which your days begin and end."),
                "invalid_choice": _("This is not a time zone. Choose one of the list."),
            },
        )
        super().__init__(**options)
        self.offer("")

    def offer(self, stored: str) -> None:
        """Offer the places by region, and ``stored`` before them where it is none of them."""
        groups: dict[str, list[tuple[str, str]]] = {}
        for name in time_zone_names()[1:]:
            region, _slash, place = name.replace("_", " ").partition("/")
            groups.setdefault(region, []).append((name, f"{place.replace('/', ', ')} ({region})"))
        kept = [] if not stored or stored in time_zone_names() else [(stored, stored)]
        self.choices = [*kept, ("UTC", "UTC"), *groups.items()]


class OneLineField(forms.CharField):
    """Text of one line: whatever white space was pasted into it becomes single spaces."""

    def to_python(self, value: Any) -> str:
        return " ".join(str(super().to_python(value) or "").split())


class OrganizationForm(forms.Form):
    """Name, country and time zone of an organization."""

    name = OneLineField(
        label=_("Name"),
        max_length=120,
        widget=forms.TextInput(attrs={"autocomplete": "organization"}),
        error_messages={
            "required": _("Enter the name of the organization."),
            "max_length": _("A name has at most %(limit_value)d characters; this one has %(show_value)d."),
        },
    )
    country = forms.ChoiceField(
        label=_("Country"),
        required=False,
        error_messages={"invalid_choice": _("This is not a country. Choose one of the list.")},
        help_text=_("Where to buy licenses shows resellers of this country first."),
    )
    time_zone = TimeZoneField(help_text=_("Days begin and end by these clocks: trials, grace periods, renewals."))

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.offer_countries(countries())

    def offer_countries(self, offered: list[tuple[str, str]]) -> None:
        """Offer these countries, and to state none."""
        country = self.fields["country"]
        assert isinstance(country, forms.ChoiceField)  # noqa: S101 - as declared above
        country.choices = [("", _("Not stated")), *offered]


class NewOrganizationForm(OrganizationForm):
    """An organization that is made here; its time zone is guessed."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        if not self.is_bound:
            # The browser knows where it is (static/js/app.js).
            self.fields["time_zone"].widget.attrs["data-guess"] = "time-zone"


class SettingsForm(OrganizationForm):
    """All that an administrator can set of an organization."""

    notices_email = forms.EmailField(
        label=_("Contact for notices"),
        required=False,
        error_messages={"invalid": _("This is not an e-mail address. Write it like name@example.com.")},
        help_text=_("Gets the notices beside the members who want them, for example a shared mailbox."),
    )

    def __init__(self, organization: Organization, data: Any = None) -> None:
        fields = ("name", "country", "time_zone", "notices_email")
        super().__init__(data, initial={field: getattr(organization, field) for field in fields})
        if organization.country and organization.country not in dict(countries()):
            self.offer_countries([(organization.country, organization.country), *countries()])
        time_zone = self.fields["time_zone"]
        assert isinstance(time_zone, TimeZoneField)  # noqa: S101 - as declared above
        time_zone.offer(organization.time_zone)


class FormTokenField(forms.UUIDField):
    """Names the form that was sent, so that a double click counts once."""

    widget = forms.HiddenInput
    default_error_messages = {
        "required": _("This form is incomplete. Nothing was changed. Send it again."),
        "invalid": _("This form can't be read. Nothing was changed. Send it again."),
    }

    def __init__(self) -> None:
        super().__init__(initial=uuid.uuid4)


class RoleField(forms.ChoiceField):
    """One of the three roles."""

    def __init__(self, **options: Any) -> None:
        super().__init__(
            label=_("Role"),
            choices=Role.choices,
            error_messages={
                "required": _("Choose a role."),
                "invalid_choice": _("This is not a role. Choose one of the list."),
            },
            **options,
        )

    def clean(self, value: Any) -> Role:
        return Role(super().clean(value))


class InviteForm(forms.Form):
    """Whom to invite, as what."""

    email = forms.EmailField(
        label=_("E-mail address"),
        max_length=254,
        widget=forms.EmailInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
        error_messages={
            "required": _("Enter the e-mail address of the person to invite."),
            "invalid": _("This is not an e-mail address. Write it like name@example.com."),
        },
    )
    role = RoleField(initial=Role.VIEWER)
    form_token = FormTokenField()

    def with_new_token(self) -> "InviteForm":
        """The form anew with what was typed, and a token of its own where the one it came with can't be read."""
        if "form_token" in self.errors:
            self.data = {**{name: self.data.get(name) for name in self.fields}, "form_token": str(uuid.uuid4())}
        return self


class AgainForm(forms.Form):
    """Send an invitation again."""

    form_token = FormTokenField()


class RoleForm(forms.Form):
    """Another role for a member."""

    role = RoleField()


class NoticesForm(forms.Form):
    """Whether a member is mailed the notices."""

    wants_notices = forms.BooleanField(
        label=_("Mail me the notices"),
        required=False,
        help_text=_(
            "Renewals, grace periods and licenses that expire. That a growth allowance is exceeded is always told to "
            "administrators."
        ),
    )

    def __init__(self, membership: Membership, data: Any = None) -> None:
        super().__init__(data, initial={"wants_notices": membership.wants_notices})

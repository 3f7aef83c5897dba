"""What is typed on the Product wallet."""

import uuid

from django import forms
from django.utils.translation import gettext_lazy as _


class RedeemLicenseKeyForm(forms.Form):
    """A license key, typed or pasted (R21). Whether it is one is the service's to say, so any text is taken here."""

    # The sentences of this page are said by the page, not by the browser.
    use_required_attribute = False
    license_key = forms.CharField(
        label=_("License key"),
        strip=False,
        error_messages={
            "required": _("No license key was entered. Nothing was changed. Type or paste the license key."),
        },
        widget=forms.TextInput(
            attrs={
                "autocomplete": "off",
                "autocapitalize": "characters",
                "spellcheck": "false",
                "placeholder": "XXXXX-XXXXX-XXXXX-XXXXX-XXXXX",
            }
        ),
        help_text=_(
            "25 symbols in five groups. Capitals, spaces and hyphens do not matter, nor does O for 0 or I for 1."
        ),
    )
    # Asked for by the page once a key is known to carry so many licenses.
    organization_name = forms.CharField(
        label=_("Name of the organization"),
        required=False,
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
        help_text=_(
            "Type the name as it stands above, to redeem the key into that organization. Capitals do not matter."
        ),
    )
    # Names this form, so that a double click is told from a second try.
    form_token = forms.UUIDField(
        widget=forms.HiddenInput,
        error_messages={
            "required": _("This form is incomplete. Nothing was changed. Send it again."),
            "invalid": _("This form can't be read. Nothing was changed. Send it again."),
        },
    )

    def renew_token(self) -> None:
        """Give the form a token of its own again where the one it came with can't be read; what was typed stays."""
        self.data = {"license_key": self.data.get("license_key", ""), "form_token": str(uuid.uuid4())}

    @property
    def typed_key(self) -> str:
        """The license key without spaces around it."""
        return str(self.cleaned_data["license_key"]).strip()

    def ask_for_name(self, sentence: str) -> bool:
        """Ask for the organization's name, for the key that was typed; returns whether it was asked for before."""
        self.fields["license_key"].widget.attrs["readonly"] = True
        asked_before = "organization_name" in self.data
        if asked_before:
            self.fields["organization_name"].widget.attrs["data-focus"] = True
            self.add_error("organization_name", sentence)
        return asked_before


def new_form() -> RedeemLicenseKeyForm:
    """An empty form with a token of its own."""
    return RedeemLicenseKeyForm(initial={"form_token": uuid.uuid4()})

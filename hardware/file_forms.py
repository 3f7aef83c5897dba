"""Forms of the pages of system files."""

from django import forms
from django.utils.translation import gettext_lazy as _

from hardware.models import HeldReport
from hardware.unpacking import MAXIMUM_FILES


class RestoredForm(forms.Form):
    """Which files of an upload an administrator accepts once as restored from a backup (R28)."""

    restored = forms.TypedMultipleChoiceField(
        choices=[(number, number) for number in range(1, MAXIMUM_FILES + 1)], coerce=int, required=False
    )

    @property
    def numbers(self) -> frozenset[int]:
        """The numbers of the files that are ticked."""
        return frozenset(self.cleaned_data["restored"])


class IdentityForm(forms.Form):
    """An administrator's decision on the report that the page showed."""

    held = forms.IntegerField(min_value=1, max_value=2**63 - 1)
    decision = forms.ChoiceField(
        choices=HeldReport.Decision.choices,
        error_messages={"required": _("Choose whether to accept or to refuse the new key.")},
    )

    @property
    def accept(self) -> bool:
        """Whether the key is accepted."""
        return bool(self.cleaned_data["decision"] == HeldReport.Decision.ACCEPTED)

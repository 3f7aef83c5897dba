"""What is asked of History, read from the URL."""

from collections.abc import Sequence
from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from history.models import Action
from history.queries import SYSTEM, HistoryFilter, people_in_history
from organizations.models import Organization


class HistoryFilterForm(forms.Form):
    """What is asked of History, in the URL. A part that can't be read is told of and narrows nothing."""

    q = forms.CharField(label=gettext_lazy("Search"), required=False, max_length=100)
    action = forms.ChoiceField(label=gettext_lazy("What"), required=False)
    person = forms.ChoiceField(label=gettext_lazy("Who"), required=False)
    product = forms.ChoiceField(label=gettext_lazy("Product"), required=False)
    since = forms.DateField(
        label=gettext_lazy("From"),
        required=False,
        input_formats=["%Y-%m-%d"],
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
    )
    until = forms.DateField(
        label=gettext_lazy("To"),
        required=False,
        input_formats=["%Y-%m-%d"],
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
    )
    before = forms.IntegerField(required=False, min_value=1, max_value=2**63 - 1, widget=forms.HiddenInput)

    def __init__(self, organization: Organization, data: Any) -> None:
        super().__init__(data)
        products = [
            (registered.product.code, registered.product.name)
            for registered in organization.registered_products.select_related("product")
        ]
        people = [(str(pk), name) for pk, name in people_in_history(organization)]
        self._choose("action", [("", _("Everything")), *Action.choices])
        self._choose("person", [("", _("Everyone")), (SYSTEM, _("License Manager")), *people])
        self._choose("product", [("", _("All products")), *products])
        for name in ("since", "until"):
            self._explain(
                name, "invalid", _("This is not a date. Write it as 2027-03-01; it was left out of the filter.")
            )
        for code in ("invalid", "min_value", "max_value"):
            self._explain("before", code, _("This page of History can't be read; the newest records are shown."))

    def _choose(self, name: str, choices: Sequence[tuple[str, Any]]) -> None:
        field = self.fields[name]
        assert isinstance(field, forms.ChoiceField)  # noqa: S101 - as declared above
        field.choices = choices
        self._explain(name, "invalid_choice", _("This choice does not exist here; it was left out of the filter."))

    def _explain(self, name: str, code: str, text: str) -> None:
        self.fields[name].error_messages[code] = text

    def clean(self) -> dict[str, Any]:
        since, until = self.cleaned_data.get("since"), self.cleaned_data.get("until")
        if since and until and since > until:
            self.add_error("until", _("This date lies before the first one, so nothing can be found."))
        return self.cleaned_data

    @property
    def wanted(self) -> HistoryFilter:
        """The filter, from what could be read."""
        read = self.cleaned_data
        return HistoryFilter(
            search=read.get("q", ""),
            action=read.get("action", ""),
            person=read.get("person", ""),
            product=read.get("product", ""),
            since=read.get("since"),
            until=read.get("until"),
        )

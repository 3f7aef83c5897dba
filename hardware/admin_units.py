"""Staff let a unit take the place of another (a repair): its page in the admin site (R27)."""

from typing import Any, cast

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext_lazy

from hardware.ending import replace_unit
from hardware.errors import UnitEnded
from hardware.forms import TYPED_SERIAL_LENGTH
from hardware.models import HardwareUnit
from hardware.queries import unit_states
from hardware.states import say_quantities
from licensemgr.core import clock
from licensemgr.core.admin import LooksOnlyAdmin
from licensemgr.core.enumerations import counted_up
from licensemgr.core.errors import Refused
from licensemgr.core.worded import gettext as _
from licensemgr.core.worded import pgettext
from organizations.models import User


class ReplaceUnitForm(forms.Form):
    """The serial number of the unit that takes the place, and why."""

    new_serial = forms.CharField(
        label=gettext_lazy("Serial number of the new unit"),
        max_length=TYPED_SERIAL_LENGTH,
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )
    reason = forms.CharField(
        label=gettext_lazy("Reason"),
        max_length=300,
        widget=forms.Textarea(attrs={"rows": 3, "cols": 60, "maxlength": 300}),
        help_text=gettext_lazy(
            "The organization reads it on its History and on the pages of both units, with your name."
        ),
    )


def may_replace(request: HttpRequest) -> bool:
    """Whether this person of the vendor may let a unit take the place of another."""
    return request.user.has_perm("hardware.add_replacement")


class ReplacesUnits(LooksOnlyAdmin):
    """Registered units, of which an active one can be replaced, and changed in no other way."""

    change_form_template = "admin/hardware/hardwareunit/change_form.html"

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.replace_view)
        return [path("<path:object_id>/replace/", view, name="hardware_hardwareunit_replace"), *super().get_urls()]

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """The unit, with the way to its replacement for those who may."""
        context = {"may_replace": may_replace(request)} | (extra_context or {})
        return super().change_view(request, object_id, form_url, context)

    def replace_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """What moves, the new unit's serial number and a reason; then both units and History say so."""
        if not may_replace(request):
            raise PermissionDenied
        units = HardwareUnit.objects.select_related(
            "organization", "registered_product__product", "made__hardware_model"
        )
        unit = get_object_or_404(units, pk=object_id) if _is_number(object_id) else get_object_or_404(units.none())
        if unit.ended_on is not None:
            # A double click, or a page that stood open: what became of the unit is on its page.
            messages.info(request, str(UnitEnded(serial=unit.serial, on=unit.ended_on).sentence))
            return HttpResponseRedirect(reverse("admin:hardware_hardwareunit_change", args=[unit.pk]))
        form = ReplaceUnitForm(request.POST if request.method == "POST" else None)
        if request.method == "POST" and form.is_valid():
            try:
                return self._replace(request, unit, form)
            except Refused as refused:
                form.add_error(None, str(refused.sentence))
        context = {
            **self.admin_site.each_context(request),
            "title": _("Replace hardware unit %(serial)s") % {"serial": unit.serial},
            "opts": self.opts,
            "original": unit,
            "form": form,
            "facts": _what_moves(unit),
        }
        status = 422 if request.method == "POST" else 200
        return TemplateResponse(request, "admin/hardware/hardwareunit/replace.html", context, status=status)

    def _replace(self, request: HttpRequest, unit: HardwareUnit, form: ReplaceUnitForm) -> HttpResponse:
        made = replace_unit(
            old_unit=unit,
            new_serial=form.cleaned_data["new_serial"],
            reason=form.cleaned_data["reason"],
            actor=cast(User, request.user),
            on=clock.today(unit.organization),
        )
        messages.success(
            request,
            _("%(old)s was replaced by %(new)s, to which its licenses and systems moved.")
            % {"old": unit.serial, "new": made.new_unit.serial},
        )
        response = HttpResponseRedirect(reverse("admin:hardware_hardwareunit_change", args=[made.new_unit.pk]))
        response.status_code = 303
        return response


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 19


def _what_moves(unit: HardwareUnit) -> list[tuple[str, str]]:
    """What the page says before: whose unit it is, and what would move."""
    [state] = unit_states(unit.organization, [unit])
    licenses = say_quantities(unit.registered_product.product, state.licenses)
    return [
        (_("Organization"), str(unit.organization)),
        (_("Product"), str(unit.registered_product.product)),
        (_("Model"), unit.made.hardware_model.name),
        (_("Licenses that move"), licenses or pgettext("licenses or devices", "none")),
        (_("Systems that move"), counted_up(system.name for system in state.systems) or pgettext("systems", "none")),
    ]

"""Staff correct a wallet by new entries, and decide how far redemptions and coming years can be taken back."""

import uuid
from collections.abc import Sequence
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext_lazy

from licensemgr.core import clock
from licensemgr.core.admin import Act, AnyModelAdmin, AnyModelForm, LooksOnlyAdmin, act_page, one_line, posted, refuse
from licensemgr.core.errors import Refused
from licensemgr.core.worded import gettext as _
from organizations.staff import staff_of
from products.models import LicenseKind, LicenseType, RegisteredProduct
from wallet.corrections import MAXIMUM_CHANGE, correct_wallet, corrected
from wallet.models import Correction, Policy
from wallet.queries import policy, product_wallet
from wallet.services import change_policy


class CorrectionForm(forms.Form):
    """What is put into a wallet or taken out of it, and why."""

    license_type = forms.ModelChoiceField(LicenseType.objects.none(), label=gettext_lazy("License type"))
    kind = forms.ChoiceField(label=gettext_lazy("Kind"), choices=LicenseKind, widget=forms.RadioSelect)
    direction = forms.ChoiceField(
        label=gettext_lazy("What to do"),
        choices=[
            ("in", gettext_lazy("Put licenses into the wallet, as a lot with five years of its own")),
            ("out", gettext_lazy("Take licenses out of the wallet, the earliest expiry first")),
        ],
        widget=forms.RadioSelect,
    )
    quantity = forms.IntegerField(label=gettext_lazy("How many licenses"), min_value=1, max_value=MAXIMUM_CHANGE)
    reason = forms.CharField(
        label=gettext_lazy("Reason"),
        max_length=300,
        widget=forms.Textarea(attrs={"rows": 3, "cols": 60, "maxlength": 300}),
        help_text=gettext_lazy("The organization reads it on its History, with your name."),
    )
    form_token = forms.UUIDField(widget=forms.HiddenInput)

    def __init__(self, registered_product: RegisteredProduct, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        types = self.fields["license_type"]
        assert isinstance(types, forms.ModelChoiceField)  # noqa: S101 - declared above
        types.queryset = registered_product.product.license_types.order_by("position", "pk")

    @property
    def change(self) -> int:
        """How many licenses more (positive) or fewer (negative) the wallet will hold."""
        quantity: int = self.cleaned_data["quantity"]
        return quantity if self.cleaned_data["direction"] == "in" else -quantity


@admin.register(Correction)
class CorrectionAdmin(LooksOnlyAdmin):
    """Corrections of wallets: each a new transfer with a reason (R23). Made from the page of a registered product."""

    list_display = ("id", "organization", "product", "what", "reason", "corrected_by", "happened_on")
    fields = ("organization", "registered_product", "what", "reason", "corrected_by", "happened_on", "transfer")
    readonly_fields = ("what", "happened_on")
    list_filter = ("registered_product__product",)
    list_select_related = ("organization", "registered_product__product", "transfer", "corrected_by")
    search_fields = ("organization__name", "organization__slug", "reason")
    ordering = ("-pk",)

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return admin.ModelAdmin.has_add_permission(self, request)

    def get_queryset(self, request: HttpRequest) -> "QuerySet[Correction]":
        """The corrections with what they moved."""
        return (
            super()
            .get_queryset(request)
            .prefetch_related(
                "transfer__entries__from_account__license_type", "transfer__entries__to_account__license_type"
            )
        )

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        """Correct the wallet of the registered product that the URL names."""
        if not self.has_add_permission(request):
            raise PermissionDenied
        wanted = request.GET.get("registered_product")
        if wanted is None:
            messages.info(request, _("Choose the registered product whose wallet is to be corrected."))
            return HttpResponseRedirect(reverse("admin:products_registeredproduct_changelist"))
        registered_product = (
            RegisteredProduct.objects.select_related("organization", "product").filter(pk=_number(wanted) or 0).first()
        )
        if registered_product is None:
            raise Http404
        form = CorrectionForm(registered_product, posted(request), initial={"form_token": uuid.uuid4()})
        if request.method == "POST" and form.is_valid():
            try:
                return self._correct(request, registered_product, form)
            except Refused as refused:
                refuse(form, refused)
        return act_page(self, request, _correction_act(registered_product), form)

    def _correct(
        self, request: HttpRequest, registered_product: RegisteredProduct, form: CorrectionForm
    ) -> HttpResponse:
        correction = correct_wallet(
            registered_product=registered_product,
            license_type=form.cleaned_data["license_type"],
            kind=form.cleaned_data["kind"],
            change=form.change,
            reason=form.cleaned_data["reason"],
            form_token=form.cleaned_data["form_token"],
            actor=staff_of(request),
            on=clock.today(registered_product.organization),
        )
        messages.success(
            request,
            _("The wallet of %(product)s was corrected: %(what)s.")
            % {"product": registered_product, "what": self.what(correction)},
        )
        return HttpResponseRedirect(reverse("admin:wallet_correction_change", args=[correction.pk]))

    @admin.display(description=gettext_lazy("product"), ordering="registered_product__product__name")
    def product(self, correction: Correction) -> str:
        """The product whose wallet was corrected."""
        return correction.registered_product.product.name

    @admin.display(description=gettext_lazy("licenses"))
    def what(self, correction: Correction) -> str:
        """What was put in (+) or taken out (−)."""
        account, change = corrected(correction)
        return f"{change:+d} {account.license_type.name} ({account.get_kind_display()})"

    @admin.display(description=gettext_lazy("date"), ordering="transfer__happened_on")
    def happened_on(self, correction: Correction) -> Any:
        """The day from which it counts."""
        return correction.transfer.happened_on


def _number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else None


def _correction_act(registered_product: RegisteredProduct) -> Act:
    wallet = product_wallet(registered_product, clock.today(registered_product.organization))
    return Act(
        title=_("Correct the wallet of %(product)s") % {"product": registered_product.product},
        button=_("Correct the wallet"),
        text=[
            _(
                "Nothing that stands in the books is changed: a correction is a new entry, and another one takes it back."
            )
        ],
        facts=[
            (_("Organization"), registered_product.organization),
            (_("Subscription licenses in the wallet"), one_line(_holds(wallet.types, LicenseKind.SUBSCRIPTION))),
            (_("Licenses tied to hardware in the wallet"), one_line(_holds(wallet.types, LicenseKind.HARDWARE))),
        ],
    )


def _holds(types: Sequence[Any], kind: str) -> list[str]:
    return [
        f"{stock.subscription if kind == LicenseKind.SUBSCRIPTION else stock.hardware} {stock.license_type.name}"
        for stock in types
    ]


class PolicyForm(AnyModelForm):
    """How far things can be taken back; no number is larger than a year."""

    undo_days = forms.IntegerField(
        label=gettext_lazy("days to undo a redemption"),
        min_value=0,
        max_value=366,
        help_text=gettext_lazy("0: on the day of redeeming only. Counts for redemptions that were made already, too."),
    )
    release_ends_days_before = forms.IntegerField(
        label=gettext_lazy("days before a coming year at which its release ends"),
        min_value=0,
        max_value=366,
        help_text=gettext_lazy("0: until the year begins."),
    )

    class Meta:
        model = Policy
        fields = ("undo_is_on", "undo_days", "release_is_on", "release_ends_days_before")


@admin.register(Policy)
class PolicyAdmin(AnyModelAdmin):
    """What staff decide about taking back (R33, R34): one row, which is there before anybody decided anything."""

    form = PolicyForm

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Policy | None = None) -> bool:
        return False

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        """There is one row: its page."""
        if not self.has_view_or_change_permission(request):
            raise PermissionDenied
        return HttpResponseRedirect(reverse("admin:wallet_policy_change", args=[1]))

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Policy | None:
        return policy() if object_id == "1" else None

    def save_model(self, request: HttpRequest, obj: Policy, form: Any, change: bool) -> None:
        change_policy(**{name: form.cleaned_data[name] for name in PolicyForm.Meta.fields})

"""Staff issue license keys, revoke what is unredeemed, and see where the rest went. Nothing clear of a key is kept."""

import uuid
from collections.abc import Sequence
from datetime import date
from typing import Any, cast

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Prefetch, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, StreamingHttpResponse
from django.urls import URLPattern, path, reverse
from django.utils import formats
from django.utils.text import slugify
from django.utils.translation import gettext_lazy

from licensemgr.core.admin import (
    Act,
    HasTools,
    LooksOnlyAdmin,
    LooksOnlyInline,
    ReasonForm,
    Tool,
    act_page,
    one_line,
    posted,
    refuse,
    row_or_404,
)
from licensemgr.core.errors import Refused
from licensemgr.core.numbers import grouped
from licensemgr.core.spreadsheets import csv_lines
from licensemgr.core.worded import gettext as _
from licensemgr.core.worded import ngettext, pgettext
from organizations.staff import staff_of
from products.models import Product
from wallet.admin_issuing import ChooseProductForm, IssueKeysForm, key_file
from wallet.batches import (
    KeyState,
    WhereKeyWent,
    batches_with_numbers,
    keys_with_state,
    vendors_today,
    where_keys_went,
)
from wallet.errors import KeysGivenBefore
from wallet.models import KeyBatch, KeyBatchLine, LicenseKey, Redemption
from wallet.revoking import revoke_key, revoke_unredeemed
from wallet.services import issue_license_keys

# So many redeemed keys are listed on the page that revokes a batch; the list of keys has all.
_SHOWN = 100


class KeyBatchLineInline(LooksOnlyInline):
    """What each key of the batch carries."""

    model = KeyBatchLine
    fields = ("license_type", "quantity")


@admin.register(KeyBatch)
class KeyBatchAdmin(HasTools, LooksOnlyAdmin):
    """License keys that were issued together: made here, given once, revoked here, never changed."""

    inlines = (KeyBatchLineInline,)
    list_display = (
        *("__str__", "kind", "carries", "keys", "free", "redeemed", "revoked", "too_late"),
        *("redeem_by", "reseller", "issued_at", "issued_by"),
    )
    list_filter = ("product", "kind", "issued_at")
    list_select_related = ("product", "issued_by", "reseller")
    search_fields = ("order_reference", "product__name", "reseller__name")
    ordering = ("-issued_at", "-pk")
    fields = (
        *("product", "kind", "order_reference", "reseller", "redeem_by", "issued_at", "issued_by"),
        *("keys", "free", "redeemed", "revoked", "too_late"),
    )
    readonly_fields = ("keys", "free", "redeemed", "revoked", "too_late")

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return admin.ModelAdmin.has_add_permission(self, request)

    def get_queryset(self, request: HttpRequest) -> "QuerySet[KeyBatch]":
        """The batches with the numbers of their keys."""
        return batches_with_numbers(super().get_queryset(request).prefetch_related("lines__license_type"))

    def get_urls(self) -> list[URLPattern]:
        revoke = self.admin_site.admin_view(self.revoke)
        return [path("<path:object_id>/revoke/", revoke, name="wallet_keybatch_revoke"), *super().get_urls()]

    def tools(self, request: HttpRequest, row: KeyBatch) -> Sequence[Tool]:
        keys = reverse("admin:wallet_licensekey_changelist") + f"?batch__id__exact={row.pk}"
        tools = [Tool(_("Its keys, and where they went"), keys)]
        if _may_revoke(request):
            tools.append(Tool(_("Revoke what is unredeemed"), reverse("admin:wallet_keybatch_revoke", args=[row.pk])))
        return tools

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        """Issue a batch: choose the product, say what its keys carry, get them once as a file (no clear key is kept)."""
        if not self.has_add_permission(request):
            raise PermissionDenied
        product = Product.objects.filter(code=request.GET.get("product_code", "")).first()
        if product is None:
            return self._choose_product(request)
        form = IssueKeysForm(product, posted(request), initial={"form_token": uuid.uuid4(), "count": 1})
        if request.method == "POST" and form.is_valid():
            try:
                return self._issue(request, product, form)
            except KeysGivenBefore as refused:
                messages.warning(request, refused.sentence)
                return HttpResponseRedirect(reverse("admin:wallet_keybatch_change", args=[refused.batch.pk]))
            except Refused as refused:
                refuse(form, refused)
        act = Act(
            title=_("Issue license keys for %(product)s") % {"product": product.name},
            button=_("Issue the keys and download them"),
            text=[
                _(
                    "The keys are given once, as a file that this button downloads. Only a keyed hash and the last five "
                    "symbols of each are kept: if the file is lost, revoke the batch and issue a new one."
                )
            ],
        )
        return act_page(self, request, act, form)

    def _choose_product(self, request: HttpRequest) -> HttpResponse:
        form = ChooseProductForm(request.GET if "product" in request.GET else None)
        if form.is_valid():
            code = form.cleaned_data["product"].code
            return HttpResponseRedirect(reverse("admin:wallet_keybatch_add") + f"?product_code={code}")
        return act_page(self, request, Act(title=_("Issue license keys"), button=_("Next"), method="get"), form)

    def _issue(self, request: HttpRequest, product: Product, form: IssueKeysForm) -> HttpResponse:
        keys = issue_license_keys(
            product=product,
            kind=form.cleaned_data["kind"],
            licenses=form.licenses,
            count=form.cleaned_data["count"],
            order_reference=form.cleaned_data["order_reference"],
            reseller=form.cleaned_data["reseller"],
            redeem_by=form.cleaned_data["redeem_by"],
            actor=staff_of(request),
            form_token=form.cleaned_data["form_token"],
        )
        batch = KeyBatch.objects.select_related("product", "reseller").get(form_token=form.cleaned_data["form_token"])
        told = ngettext("Issued %(count)s key.", "Issued %(count)s keys.", len(keys)) % {"count": grouped(len(keys))}
        self.log_addition(request, batch, told)
        response = StreamingHttpResponse(csv_lines(key_file(batch, keys)), content_type="text/csv; charset=utf-8")
        name = slugify(f"license-keys-{product.code}-{batch.order_reference or batch.pk}")
        response["Content-Disposition"] = f'attachment; filename="{name}.csv"'
        response["Cache-Control"] = "no-store"
        # Django's answers that stream have no type in common with the others but their base.
        return cast(HttpResponse, response)

    def revoke(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Revoke what is unredeemed of a batch, with a reason, at once."""
        if not _may_revoke(request):
            raise PermissionDenied
        batch: KeyBatch = row_or_404(self, request, object_id)
        form = ReasonForm(posted(request))
        if request.method == "POST" and form.is_valid():
            try:
                done = revoke_unredeemed(batch=batch, reason=form.cleaned_data["reason"], actor=staff_of(request))
            except Refused as refused:
                refuse(form, refused)
            else:
                told = _what_was_revoked(done.revoked, done.redeemed)
                self.log_change(request, batch, f"{told} {_('Reason:')} {form.cleaned_data['reason']}")
                messages.success(request, told)
                return HttpResponseRedirect(reverse("admin:wallet_keybatch_change", args=[batch.pk]))
        act = Act(
            title=_("Revoke what is unredeemed of %(batch)s") % {"batch": batch},
            button=_("Revoke what is unredeemed"),
            is_dangerous=True,
            text=[_("Every key that nobody has redeemed stops working at once. What was redeemed can't be revoked.")],
            facts=[
                (_("Each key carries"), self.carries(batch)),
                (_("Keys"), self.keys(batch)),
                (_("Unredeemed, to be revoked"), self.free(batch) + self.too_late(batch)),
                (pgettext("license keys", "Redeemed"), self.redeemed(batch)),
                (_("Revoked before"), self.revoked(batch)),
            ],
            table=_table(where_keys_went(LicenseKey.objects.filter(batch=batch), limit=_SHOWN)),
        )
        return act_page(self, request, act, form, row=batch)

    @admin.display(description=gettext_lazy("each key carries"))
    def carries(self, batch: KeyBatch) -> str:
        """The licenses of one key."""
        return one_line(f"{grouped(line.quantity)} {line.license_type.name}" for line in batch.lines.all())

    @admin.display(description=gettext_lazy("keys"), ordering="keys_total")
    def keys(self, batch: KeyBatch) -> int:
        """How many keys were issued."""
        return int(vars(batch)["keys_total"])

    @admin.display(description=gettext_lazy("redeemed"), ordering="keys_redeemed")
    def redeemed(self, batch: KeyBatch) -> int:
        """How many were redeemed."""
        return int(vars(batch)["keys_redeemed"])

    @admin.display(description=gettext_lazy("revoked"), ordering="keys_revoked")
    def revoked(self, batch: KeyBatch) -> int:
        """How many were revoked."""
        return int(vars(batch)["keys_revoked"])

    @admin.display(description=gettext_lazy("free"))
    def free(self, batch: KeyBatch) -> int:
        """How many can still be redeemed."""
        return 0 if self._is_over(batch) else self._unredeemed(batch)

    @admin.display(description=gettext_lazy("too late"))
    def too_late(self, batch: KeyBatch) -> int:
        """How many nobody redeemed by the last day to do so."""
        return self._unredeemed(batch) if self._is_over(batch) else 0

    def _unredeemed(self, batch: KeyBatch) -> int:
        return self.keys(batch) - self.redeemed(batch) - self.revoked(batch)

    def _is_over(self, batch: KeyBatch) -> bool:
        return batch.redeem_by is not None and batch.redeem_by < vendors_today()


class KeyStateFilter(admin.SimpleListFilter):
    """The keys in one state."""

    title = gettext_lazy("state")
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(state.value, str(state.label)) for state in KeyState]

    def queryset(self, request: HttpRequest, queryset: "QuerySet[LicenseKey]") -> "QuerySet[LicenseKey]":
        if self.value() not in KeyState.values:
            return queryset
        return queryset.filter(state=self.value())  # type: ignore[misc]  # annotated by keys_with_state


@admin.register(LicenseKey)
class LicenseKeyAdmin(HasTools, LooksOnlyAdmin):
    """License keys by their last five symbols, which is all that can be shown of them, and where they went."""

    list_display = ("__str__", "batch", "state_now", "organization", "redeemed_on", "redeemed_by", "revoked_reason")
    fields = ("batch", "tail", "state", "undone", "revoked_at", "revoked_by", "revoked_reason")
    readonly_fields = ("state", "undone")
    list_filter = (KeyStateFilter, "batch__product", "batch__kind")
    list_select_related = ("batch__product",)
    search_fields = ("tail", "batch__order_reference")
    ordering = ("-pk",)

    def get_queryset(self, request: HttpRequest) -> "QuerySet[LicenseKey]":
        """The keys with their states and redemptions."""
        keys = keys_with_state(super().get_queryset(request), vendors_today())
        redemptions = Redemption.objects.select_related(
            "organization", "license_key", "redeemed_by", "undone_by", "registered_product__product"
        )
        return keys.prefetch_related(Prefetch("redemptions", redemptions.order_by("-pk")))

    def get_urls(self) -> list[URLPattern]:
        revoke = self.admin_site.admin_view(self.revoke)
        return [path("<path:object_id>/revoke/", revoke, name="wallet_licensekey_revoke"), *super().get_urls()]

    def tools(self, request: HttpRequest, row: LicenseKey) -> Sequence[Tool]:
        if not _may_revoke(request) or vars(row)["state"] in (KeyState.REDEEMED, KeyState.REVOKED):
            return []
        return [Tool(_("Revoke this key"), reverse("admin:wallet_licensekey_revoke", args=[row.pk]))]

    def revoke(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Revoke one key that nobody has redeemed, with a reason."""
        if not _may_revoke(request):
            raise PermissionDenied
        key: LicenseKey = row_or_404(self, request, object_id)
        form = ReasonForm(posted(request))
        if request.method == "POST" and form.is_valid():
            try:
                revoke_key(key=key, reason=form.cleaned_data["reason"], actor=staff_of(request))
            except Refused as refused:
                refuse(form, refused)
            else:
                self.log_change(request, key, _("Revoked. Reason: %(reason)s") % form.cleaned_data)
                messages.success(request, _("The key %(key)s was revoked.") % {"key": key})
                return HttpResponseRedirect(reverse("admin:wallet_licensekey_change", args=[key.pk]))
        act = Act(
            title=_("Revoke the key %(key)s") % {"key": key},
            button=_("Revoke this key"),
            is_dangerous=True,
            facts=[(_("Batch"), key.batch), (_("State"), self.state(key))],
        )
        return act_page(self, request, act, form, row=key)

    @admin.display(description=gettext_lazy("state"))
    def state(self, key: LicenseKey) -> str:
        """Whether it is free, revoked, too late, or redeemed: where it went, when and by whom."""
        went = self._went(key)
        return str(went) if went else self.state_now(key)

    @admin.display(description=gettext_lazy("state"))
    def state_now(self, key: LicenseKey) -> str:
        """Whether it is free, redeemed, revoked or too late."""
        return str(KeyState(vars(key)["state"]).label)

    @admin.display(description=gettext_lazy("organization"))
    def organization(self, key: LicenseKey) -> str | None:
        """Where it went."""
        went = self._went(key)
        return went.organization if went else None

    @admin.display(description=gettext_lazy("redeemed on"))
    def redeemed_on(self, key: LicenseKey) -> date | None:
        """When it was redeemed."""
        went = self._went(key)
        return went.redeemed_on if went else None

    @admin.display(description=gettext_lazy("redeemed by"))
    def redeemed_by(self, key: LicenseKey) -> str | None:
        """By whom it was redeemed."""
        went = self._went(key)
        return went.redeemed_by if went else None

    def _went(self, key: LicenseKey) -> WhereKeyWent | None:
        return next((WhereKeyWent.by(each) for each in key.redemptions.all() if each.undone_on is None), None)

    @admin.display(description=gettext_lazy("redemptions that were undone"))
    def undone(self, key: LicenseKey) -> str:
        """Where it had gone before somebody undid that (R33)."""
        return one_line(
            _("%(redeemed)s, undone on %(day)s (%(person)s)")
            % {
                "redeemed": WhereKeyWent.by(each),
                "day": formats.date_format(each.undone_on, "DATE_FORMAT"),
                "person": each.undone_by or _("License Manager"),
            }
            for each in key.redemptions.all()
            if each.undone_on is not None
        )


def _may_revoke(request: HttpRequest) -> bool:
    return staff_of(request).has_perm("wallet.change_licensekey")


def _table(went: Sequence[WhereKeyWent]) -> list[Sequence[object]]:
    if not went:
        return []
    rows: list[Sequence[object]] = [
        (f"…{each.tail}", each.organization, formats.date_format(each.redeemed_on, "DATE_FORMAT"), each.redeemed_by)
        for each in went
    ]
    return [(_("Redeemed key"), _("Organization"), _("Date"), _("Person")), *rows]


def _what_was_revoked(revoked: int, redeemed: int) -> str:
    told = ngettext("%(count)s key was revoked.", "%(count)s keys were revoked.", revoked) % {"count": grouped(revoked)}
    if redeemed:
        told += " " + ngettext(
            "%(count)s was redeemed before and stays: its page says where it went.",
            "%(count)s were redeemed before and stay: the list of keys says where they went.",
            redeemed,
        ) % {"count": grouped(redeemed)}
    return told

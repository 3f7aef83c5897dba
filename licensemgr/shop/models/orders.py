"""What the shop ordered: one line of one order, and the batches of keys that were issued for it."""

from django.db import models
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from licensemgr.shop.models.tokens import ShopToken
from wallet.models import KeyBatch


class OrderLine(models.Model):
    """A line of an order. Keys are issued for it once, however often the shop asks."""

    order_reference = models.CharField(_("order reference"), max_length=80)
    line = models.CharField(_("line"), max_length=80)
    made_at = models.DateTimeField(pgettext_lazy("on a day", "made"))

    class Meta:
        verbose_name = _("order line")
        constraints = [models.UniqueConstraint(fields=["order_reference", "line"], name="order_line_once")]

    def __str__(self) -> str:
        return f"{self.order_reference} / {self.line}"


class OrderLineBatch(models.Model):
    """A batch of keys that was issued for an order line: the first, or one that replaced keys nobody had redeemed."""

    order_line = models.ForeignKey(OrderLine, models.PROTECT, related_name="batches")
    batch = models.OneToOneField(KeyBatch, models.PROTECT, related_name="order_line_batch")
    # Counts the line's batches from 1; two that replace the same one at once would have the same number.
    number = models.PositiveIntegerField(_("number"))
    issued_by = models.ForeignKey(ShopToken, models.PROTECT, related_name="+", verbose_name=_("issued by"))

    class Meta:
        verbose_name = _("batch of an order line")
        verbose_name_plural = _("batches of order lines")
        ordering = ["order_line", "number"]
        constraints = [models.UniqueConstraint(fields=["order_line", "number"], name="order_line_batch_once")]

    def __str__(self) -> str:
        return f"{self.order_line} ({self.number})"

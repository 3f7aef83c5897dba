"""What can still be changed of the catalogue: what is in use keeps its meaning (R12), and is not deleted."""

from collections.abc import Iterable

from django.db import models, transaction

from licensemgr.core.worded import gettext as _
from products.errors import LicenseTypeInUse, ProductInUse
from products.models import LicenseType, Product


def is_in_use(row: Product | LicenseType) -> bool:
    """Whether any row of any app refers to it, its own place in the catalogue aside.

    Reads what refers to it from the models, so that an app above need not be known here. Where a product is sold is a
    note on the side and no use.
    """
    if isinstance(row, Product) and any(is_in_use(license_type) for license_type in row.license_types.all()):
        return True
    return any(_refers(relation, row) for relation in row._meta.get_fields(include_hidden=True))


def _refers(relation: object, row: models.Model) -> bool:
    if not isinstance(relation, models.ManyToOneRel) or relation.related_model is LicenseType:
        return False
    referring: type[models.Model] = relation.related_model
    if referring._meta.auto_created or relation.on_delete is not models.PROTECT:
        return False
    return bool(referring._base_manager.filter(**{relation.field.name: row}).exists())


def refuse_change_of_product(product: Product, changed: Iterable[str]) -> None:
    """Raises ProductInUse when the code of a product in use is among the fields that are changed."""
    if "code" in changed and is_in_use(product):
        raise ProductInUse(_("%(product)s is in use, so its code stays. Nothing was changed.") % {"product": product})


def refuse_change_of_license_type(license_type: LicenseType, changed: Iterable[str]) -> None:
    """Raises LicenseTypeInUse when what is changed is the meaning of a type in use: code, name or catalogue order."""
    if {"code", "name", "position"} & set(changed) and is_in_use(license_type):
        raise LicenseTypeInUse(
            _(
                "%(type)s is in use, so its code, name and catalogue order stay. Nothing was changed. Add another type instead."
            )
            % {"type": license_type}
        )


def refuse_deletion_of_license_type(license_type: LicenseType) -> None:
    """Raises LicenseTypeInUse for a type that anything refers to."""
    if is_in_use(license_type):
        raise LicenseTypeInUse(
            _("%(type)s is in use and can't be deleted. Nothing was changed.") % {"type": license_type}
        )


def refuse_deletion_of_product(product: Product) -> None:
    """Raises ProductInUse for a product that anything refers to."""
    if is_in_use(product):
        raise ProductInUse(_("%(product)s is in use and can't be deleted. Nothing was changed.") % {"product": product})


def delete_product(product: Product) -> None:
    """Delete a product that nobody uses, with its license types. Raises ProductInUse."""
    with transaction.atomic():
        refuse_deletion_of_product(product)
        try:
            # Where it was used at this very moment, the database refuses.
            with transaction.atomic():
                product.license_types.all().delete()
                product.delete()
        except models.ProtectedError as error:
            raise ProductInUse(
                _("%(product)s is in use and can't be deleted. Nothing was changed.") % {"product": product}
            ) from error

"""Models of hardware and the units that were made: the vendor's side, without any organization."""

import hashlib
from collections.abc import Mapping

from django.db import IntegrityError, transaction
from django.db.models import Q

from hardware.errors import HardwareModelInUse, UnitUnknown
from hardware.keys import normalize_serial, oak_hash, proof_key, seal_proof_key
from hardware.models import HardwareModel, HardwareUnit, ManufacturedUnit, PreloadedLicense
from licensemgr.core.integrity import is_taken
from products.models import Product

# The most licenses of one type that a unit can come with.
MAXIMUM_PRELOADED = 1_000_000


def ensure_hardware_model(product: Product, preloaded: Mapping[str, int]) -> HardwareModel:
    """A model of the product with exactly these preloaded licenses (per type code), made where there is none."""
    lines = {code: quantity for code, quantity in preloaded.items() if quantity}
    carries = "-".join(f"{kind}-{quantity}" for kind, quantity in sorted(lines.items()))
    code = f"{product.code}-{hashlib.sha256(f'{product.code}/{carries}'.encode()).hexdigest()[:8]}"[-60:]
    with transaction.atomic():
        model, created = HardwareModel.objects.get_or_create(
            code=code, defaults={"product": product, "name": f"{product.name} unit ({carries or 'no licenses'})"[:120]}
        )
        if created:
            types = {license_type.code: license_type for license_type in product.license_types.all()}
            PreloadedLicense.objects.bulk_create(
                PreloadedLicense(hardware_model=model, license_type=types[kind], quantity=quantity)
                for kind, quantity in lines.items()
            )
    return model


def add_manufactured_unit(*, serial: str, hardware_model: HardwareModel, oak: str) -> ManufacturedUnit:
    """Note that a unit was made. Raises UnitUnknown when its serial number is known already."""
    serial, stored = normalize_serial(serial), oak_hash(oak)
    try:
        with transaction.atomic():
            return ManufacturedUnit.objects.create(
                serial=serial,
                hardware_model=hardware_model,
                oak_digest=stored.digest,
                pepper_id=stored.pepper_id,
                proof_key=seal_proof_key(proof_key(oak), serial),
            )
    except IntegrityError as error:
        if not is_taken(error, ManufacturedUnit, "serial"):
            raise
        raise UnitUnknown from error


def is_registered(hardware_model: HardwareModel) -> bool:
    """Whether any organization has registered a unit of the model."""
    return HardwareUnit.objects.filter(made__hardware_model=hardware_model).exists()


def save_hardware_model(hardware_model: HardwareModel) -> None:
    """Make a model, or write down what was changed of one.

    Raises HardwareModelInUse where units of it are registered and its product or code would change: licenses hang on them.
    """
    with transaction.atomic():
        stored = HardwareModel.objects.select_for_update().filter(pk=hardware_model.pk).first()
        if (
            stored is not None
            and (stored.product_id, stored.code) != (hardware_model.product_id, hardware_model.code)
            and is_registered(stored)
        ):
            raise HardwareModelInUse(hardware_model=stored)
        hardware_model.save()


def serial_begins_with(text: str) -> Q:
    """Units whose serial number begins so, found by an index among a million."""
    prefix = normalize_serial(text)
    # Serial numbers stand in the order of code points, the last of which none has: so this is exactly the range.
    return Q(serial__gte=prefix, serial__lt=f"{prefix}\U0010ffff")

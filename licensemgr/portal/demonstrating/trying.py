"""License keys and hardware for trying, written down in clear: for the demonstration only."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from hardware.catalogue import add_manufactured_unit
from hardware.keys import invent_oak
from hardware.models import HardwareModel
from licensemgr.portal.demonstrating.stories import ACCESS, AUDIO, CAMERA, RECORDER, SITE
from products.models import LicenseKind, Product
from wallet.services import issue_license_keys

# Product, kind, licenses per key, how many keys.
_KEYS: Sequence[tuple[str, str, Mapping[str, int], int]] = (
    (CAMERA, LicenseKind.SUBSCRIPTION, {"core-device": 10, "universal-device": 2}, 4),
    (CAMERA, LicenseKind.SUBSCRIPTION, {"core-device": 50, "universal-device": 10}, 4),
    (CAMERA, LicenseKind.HARDWARE, {"core-device": 8}, 2),
    (AUDIO, LicenseKind.SUBSCRIPTION, {"audio-device": 10}, 4),
    (AUDIO, LicenseKind.HARDWARE, {"audio-device": 4}, 2),
    (ACCESS, LicenseKind.SUBSCRIPTION, {"door-controller": 10, "intercom": 2}, 4),
    (ACCESS, LicenseKind.HARDWARE, {"door-controller": 4}, 2),
    (SITE, LicenseKind.SUBSCRIPTION, {"site-device": 10}, 4),
    (SITE, LicenseKind.HARDWARE, {"site-device": 2}, 2),
    (RECORDER, LicenseKind.HARDWARE, {"camera-channel": 4, "analytics-channel": 1}, 4),
)
# Hardware that nobody has registered: model and serial numbers.
_FREE_UNITS: Sequence[tuple[str, Sequence[str]]] = (
    ("s1208-tower", ("S1208-90001", "S1208-90002")),
    ("s1216-rack", ("S1216-90003",)),
    ("r2108-appliance", ("R2108-90004", "R2108-90005")),
    ("r2116-appliance", ("R2116-90006",)),
)
HARDWARE_HEADING = "Hardware that nobody has registered: serial number and owner authentication key."


def write_keys(path: Path, products: Mapping[str, Product]) -> None:
    """Issue keys and make hardware for trying, and write both down in clear: for the demonstration only."""
    lines = ["License keys of the demonstration that nobody has redeemed. Each can be redeemed once.", ""]
    for code, kind, licenses, count in _KEYS:
        carried = ", ".join(f"{quantity} {type_code}" for type_code, quantity in licenses.items())
        lines.append(f"{products[code].name}, {kind}: each carries {carried}")
        keys = issue_license_keys(
            product=products[code],
            kind=kind,
            licenses=licenses,
            count=count,
            order_reference="Demonstration",
            actor=None,
        )
        lines += [*(f"  {key}" for key in keys), ""]
    lines += _make_free_units()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch(mode=0o600)
    path.write_text("\n".join(lines), encoding="utf-8")


def _make_free_units() -> list[str]:
    """What is written down of units that are made for trying."""
    lines = [HARDWARE_HEADING, ""]
    for code, serials in _FREE_UNITS:
        model = HardwareModel.objects.select_related("product").get(code=code)
        preloaded = model.preloaded.select_related("license_type").order_by("license_type__position")
        carried = ", ".join(f"{line.quantity} {line.license_type.code}" for line in preloaded)
        lines.append(f"{model.name} for {model.product.name}: each comes with {carried}")
        for serial in serials:
            oak = invent_oak()
            add_manufactured_unit(serial=serial, hardware_model=model, oak=oak)
            lines.append(f"  {serial}  {oak}")
        lines.append("")
    return lines

"""The rules of tied licenses on plain values. No database, no clock."""

from collections.abc import Mapping

# Quantities per license type code.
Quantities = Mapping[str, int]


def is_tied(licenses: Quantities) -> bool:
    """Whether a unit that is registered and not retired licenses the systems of its product that are on it (R25)."""
    return any(quantity > 0 for quantity in licenses.values())


def lacking(licenses: Quantities, devices: Quantities) -> dict[str, int]:
    """The expansion licenses that a unit needs per type, for the devices of all its product's systems on it (R25)."""
    return {
        code: quantity - licenses.get(code, 0) for code, quantity in devices.items() if quantity > licenses.get(code, 0)
    }


def too_many(entered: Quantities, lacks: Quantities) -> dict[str, int]:
    """By how much an expansion is more than what the unit lacks, per type: warned of, and possible (R26)."""
    return {code: quantity - lacks.get(code, 0) for code, quantity in entered.items() if quantity > lacks.get(code, 0)}

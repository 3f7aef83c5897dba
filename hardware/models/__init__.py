"""Hardware units and the licenses tied to them; system files and license files."""

from hardware.models.files import ForgottenNumber, HeldReport, LicenseFile, Report, StagedFile, SystemIdentity
from hardware.models.imports import UnitImport, UnitImportMark, UnitImportPiece, UnitImportRefusal
from hardware.models.online import RegistrationCode
from hardware.models.units import (
    Expansion,
    HardwareModel,
    HardwareUnit,
    LackingUnit,
    ManufacturedUnit,
    Placement,
    PreloadedLicense,
    Replacement,
    UnitHolding,
)

__all__ = [
    "Expansion",
    "ForgottenNumber",
    "HardwareModel",
    "HardwareUnit",
    "HeldReport",
    "LackingUnit",
    "LicenseFile",
    "ManufacturedUnit",
    "Placement",
    "PreloadedLicense",
    "RegistrationCode",
    "Replacement",
    "Report",
    "StagedFile",
    "SystemIdentity",
    "UnitHolding",
    "UnitImport",
    "UnitImportMark",
    "UnitImportPiece",
    "UnitImportRefusal",
]

"""Systems and hardware units: System setup, a system, a unit."""

from django.urls import path

from hardware.views import expanding, setup, systems, units

_PRODUCT = "o/<slug:organization>/products/<slug:product>/"
_SYSTEM = f"{_PRODUCT}systems/<uuid:system>/"
_UNIT = f"{_PRODUCT}units/<int:unit>/"

urlpatterns = [
    path("o/<slug:organization>/hardware/register/", units.register_hardware, name="register_hardware"),
    path(f"{_PRODUCT}systems/", setup.system_setup, name="system_setup"),
    # One system
    path(_SYSTEM, systems.system_details, name="system_details"),
    path(f"{_SYSTEM}devices/", systems.edit_devices, name="edit_devices"),
    path(f"{_SYSTEM}rename/", systems.rename_system, name="rename_system"),
    path(f"{_SYSTEM}move/", systems.move_system, name="move_system"),
    path(f"{_SYSTEM}remove/", systems.remove_system, name="remove_system"),
    # One hardware unit
    path(_UNIT, units.unit_details, name="unit_details"),
    path(f"{_UNIT}expand/", expanding.allocate_expansion, name="allocate_expansion"),
    path(f"{_UNIT}expand/confirm/", expanding.confirm_expansion, name="confirm_expansion"),
    path(f"{_UNIT}retire/", units.retire_unit, name="retire_unit"),
]

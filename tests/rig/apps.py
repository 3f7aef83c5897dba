"""The app that the rig's processes have beside the portal's."""

from django.apps import AppConfig


class RigConfig(AppConfig):
    """Ends a process where the rig says, and lets it see the rig's date."""

    name = "tests.rig"

    def ready(self) -> None:
        from tests.rig import points

        points.install()

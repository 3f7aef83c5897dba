"""Hardware, system files and license files in the admin site."""

from hardware import admin_files

__all__ = ["admin_files"]

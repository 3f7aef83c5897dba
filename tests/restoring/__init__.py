"""Backups that are really restored, under load: ``python -m tests.restoring``."""

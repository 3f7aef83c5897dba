"""Seeded faults: small breakages of the project's code, each of which the tests have to catch."""

"""What was released: its data migrates, and its code works on the tables of the version after: ``python -m tests.releases``."""

"""Everybody asks for everything by every method, with the ids of another organization: nothing leaks (R30, R31)."""

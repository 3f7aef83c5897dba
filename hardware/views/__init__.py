"""Pages of systems and hardware units."""

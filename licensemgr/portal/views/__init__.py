"""Pages that join several apps; this package owns no tables."""

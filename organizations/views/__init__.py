"""Pages of an organization's people and settings."""

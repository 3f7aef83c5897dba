"""Django's PostgreSQL, whose transactions begin by saying in whose name they are (licensemgr.core.tenancy)."""

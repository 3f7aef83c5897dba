"""The machine API, version 1: systems that are online, and the vendor's shop. It owns no tables."""

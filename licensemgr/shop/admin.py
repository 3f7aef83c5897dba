"""The vendor's shop in the admin site: its tokens, and the lines of its orders."""

from licensemgr.shop import admin_orders, admin_tokens

__all__ = ["admin_orders", "admin_tokens"]

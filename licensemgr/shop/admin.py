"""The vendor's shop in the admin site: its tokens, the lines of its orders, its webhooks and what was delivered to them."""

from licensemgr.shop import admin_deliveries, admin_orders, admin_tokens, admin_webhooks

__all__ = ["admin_deliveries", "admin_orders", "admin_tokens", "admin_webhooks"]

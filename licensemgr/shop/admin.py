"""The vendor's shop in the admin site: its webhooks and what was delivered to them."""

from licensemgr.shop import admin_deliveries, admin_webhooks

__all__ = ["admin_deliveries", "admin_webhooks"]

from django.apps import AppConfig


class ShopConfig(AppConfig):
    name = "licensemgr.shop"
    label = "shop"
    verbose_name = "Vendor's shop"

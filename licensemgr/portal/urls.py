"""Pages that join several apps: start page, Product list, systems, History, and what belongs to no organization."""

from django.urls import path

from licensemgr.portal.views import demo, history, products, public, start, systems, verifying

urlpatterns = [
    path("", start.my_systems, name="my_systems"),
    path("healthz", public.healthz, name="healthz"),
    path("readyz", public.readyz, name="readyz"),
    path(".well-known/jwks.json", public.jwks, name="jwks"),
    path("schemas/<slug:name>.json", public.schema, name="schema"),
    path("verify/", verifying.verify, name="verify"),
    path("where-to-buy/", public.where_to_buy, name="where_to_buy"),
    path("demo/clock/", demo.demo_clock, name="demo_clock"),
    path("demo/mail/", demo.demo_mail, name="demo_mail"),
    # One organization
    path("o/<slug:organization>/", products.product_list, name="product_list"),
    path("o/<slug:organization>/products/register/", products.register_product, name="register_product"),
    path("o/<slug:organization>/history/", history.history, name="history"),
    path("o/<slug:organization>/history/export.csv", history.history_csv, name="history_csv"),
    # One product's systems
    path("o/<slug:organization>/products/<slug:product>/systems/", systems.system_setup, name="system_setup"),
    path(
        "o/<slug:organization>/products/<slug:product>/systems/<uuid:system>/devices/",
        systems.edit_devices,
        name="edit_devices",
    ),
    path(
        "o/<slug:organization>/products/<slug:product>/systems/<uuid:system>/remove/",
        systems.remove_system,
        name="remove_system",
    ),
]

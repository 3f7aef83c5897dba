"""A product's subscription: overview, start, licensing."""

from django.urls import path

from subscriptions.views import licensing, overview

urlpatterns = [
    path("o/<slug:organization>/products/<slug:product>/", overview.product_overview, name="product_overview"),
    path("o/<slug:organization>/products/<slug:product>/start/", overview.start_subscription, name="start_subscription"),
    path("o/<slug:organization>/products/<slug:product>/licensing/", licensing.product_licensing, name="product_licensing"),
    path(
        "o/<slug:organization>/products/<slug:product>/licensing/confirm/",
        licensing.confirm_allocation,
        name="confirm_allocation",
    ),
]

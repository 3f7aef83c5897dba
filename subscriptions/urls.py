"""A product's subscription: overview, start, licensing."""

from django.urls import path

from subscriptions.views import licensing, overview, releasing

_PRODUCT = "o/<slug:organization>/products/<slug:product>/"

urlpatterns = [
    path(_PRODUCT, overview.product_overview, name="product_overview"),
    path(f"{_PRODUCT}start/", overview.start_subscription, name="start_subscription"),
    path(f"{_PRODUCT}licensing/", licensing.product_licensing, name="product_licensing"),
    path(f"{_PRODUCT}licensing/confirm/", licensing.confirm_allocation, name="confirm_allocation"),
    path(f"{_PRODUCT}licensing/release/", releasing.releasable_year, name="releasable_year"),
    path(f"{_PRODUCT}licensing/years/<int:number>/release/", releasing.release_year, name="release_year"),
]

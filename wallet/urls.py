"""The wallet of one registered product."""

from django.urls import path

from wallet import views

_PRODUCT = "o/<slug:organization>/products/<slug:product>/wallet/"

urlpatterns = [
    path(_PRODUCT, views.product_wallet, name="product_wallet"),
    path(f"{_PRODUCT}redeem/", views.redeem_license_key, name="redeem_license_key"),
    path(f"{_PRODUCT}check/", views.check_license_key, name="check_license_key"),
    path(f"{_PRODUCT}redemptions/<int:transfer>/undo/", views.undo_redemption, name="undo_redemption"),
]

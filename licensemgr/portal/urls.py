"""Pages that join several apps: start page, Product list, History, and what belongs to no organization."""

from django.contrib import admin
from django.urls import path

from licensemgr.portal import admin_jobs
from licensemgr.portal.views import (
    demo,
    first_steps,
    hidden_products,
    history,
    organization,
    products,
    public,
    standing,
    start,
    terms,
    verifying,
    why,
)

urlpatterns = [
    path("", start.my_systems, name="my_systems"),
    path("healthz", public.healthz, name="healthz"),
    path("readyz", public.readyz, name="readyz"),
    path(".well-known/jwks.json", public.jwks, name="jwks"),
    path("schemas/<slug:name>.json", public.schema, name="schema"),
    path("verify/", verifying.verify, name="verify"),
    path("where-to-buy/", public.where_to_buy, name="where_to_buy"),
    path("where-to-buy/towns/", public.where_to_buy_towns, name="where_to_buy_towns"),
    path("where-to-buy/<int:reseller>/", public.where_to_buy_details, name="where_to_buy_details"),
    path("admin/jobs/", admin.site.admin_view(admin_jobs.jobs), name="admin_jobs"),
    path("privacy/", standing.privacy, name="privacy"),
    path("contact/", standing.contact, name="contact"),
    path("demo/clock/", demo.demo_clock, name="demo_clock"),
    path("demo/mail/", demo.demo_mail, name="demo_mail"),
    path("demo/mail/<int:message>/html/", demo.demo_mail_html, name="demo_mail_html"),
    # One organization
    path("o/<slug:organization>/", products.product_list, name="product_list"),
    path("o/<slug:organization>/products/register/", products.register_product, name="register_product"),
    path("o/<slug:organization>/products/<slug:product>/why/<slug:what>/", why.why, name="why"),
    path("o/<slug:organization>/why/systems/", why.why_all_systems, name="why_all_systems"),
    path("o/<slug:organization>/first-steps/", first_steps.first_steps, name="first_steps"),
    path("o/<slug:organization>/terms/", terms.terms, name="terms"),
    path("o/<slug:organization>/history/", history.history, name="history"),
    path("o/<slug:organization>/history/export.csv", history.history_csv, name="history_csv"),
    path("o/<slug:organization>/export/", organization.export_organization, name="export_organization"),
    path("o/<slug:organization>/close/", organization.close_organization, name="close_organization"),
    path("o/<slug:organization>/hidden-products/", hidden_products.hidden_products, name="hidden_products"),
    path(
        "o/<slug:organization>/hidden-products/<slug:product>/hide/", hidden_products.hide_product, name="hide_product"
    ),
    path(
        "o/<slug:organization>/hidden-products/<slug:product>/show/", hidden_products.show_product, name="show_product"
    ),
]

"""Pages that join several apps: start page, Product list, History, and what belongs to no organization."""

from django.contrib import admin
from django.urls import path

from licensemgr.portal import admin_jobs
from licensemgr.portal.views import (
    coverage,
    demo,
    first_steps,
    going,
    hidden_products,
    history,
    lists,
    organization,
    own_lists,
    probes,
    products,
    public,
    standing,
    start,
    styleguide,
    terms,
    verifying,
    why,
    work,
)

urlpatterns = [
    path("", start.my_systems, name="my_systems"),
    path("healthz", probes.healthz, name="healthz"),
    path("readyz", probes.readyz, name="readyz"),
    path("metrics", probes.metrics, name="metrics"),
    path(".well-known/jwks.json", public.jwks, name="jwks"),
    path("schemas/<slug:name>.json", public.schema, name="schema"),
    path("verify/", verifying.verify, name="verify"),
    path("where-to-buy/", public.where_to_buy, name="where_to_buy"),
    path("where-to-buy/towns/", public.where_to_buy_towns, name="where_to_buy_towns"),
    path("where-to-buy/<int:reseller>/", public.where_to_buy_details, name="where_to_buy_details"),
    # A list that belongs to no organization, by its name
    path("lists/<slug:own_list>/columns/", own_lists.choose_columns, name="choose_own_columns"),
    path("lists/<slug:own_list>/views/", own_lists.save_view, name="save_own_view"),
    path("lists/<slug:own_list>/views/delete/", own_lists.delete_view, name="delete_own_view"),
    path("lists/<slug:own_list>/export.csv", own_lists.list_csv, name="own_list_csv"),
    path("lists/<slug:own_list>/export.xlsx", own_lists.list_xlsx, name="own_list_xlsx"),
    path("admin/jobs/", admin.site.admin_view(admin_jobs.jobs), name="admin_jobs"),
    path("privacy/", standing.privacy, name="privacy"),
    path("contact/", standing.contact, name="contact"),
    path("go/", going.go, name="go"),
    path("shortcuts/", going.shortcuts, name="shortcuts"),
    path("demo/clock/", demo.demo_clock, name="demo_clock"),
    path("demo/mail/", demo.demo_mail, name="demo_mail"),
    path("demo/mail/<int:message>/html/", demo.demo_mail_html, name="demo_mail_html"),
    path("styleguide/", styleguide.styleguide, name="styleguide"),
    path("styleguide/<slug:component>/", styleguide.styleguide_example, name="styleguide_example"),
    # One organization
    path("o/<slug:organization>/", products.product_list, name="product_list"),
    path("o/<slug:organization>/products/register/", products.register_product, name="register_product"),
    path("o/<slug:organization>/coverage/", coverage.coverage, name="coverage"),
    path("o/<slug:organization>/products/<slug:product>/why/<slug:what>/", why.why, name="why"),
    path("o/<slug:organization>/why/systems/", why.why_all_systems, name="why_all_systems"),
    path("o/<slug:organization>/first-steps/", first_steps.first_steps, name="first_steps"),
    path("o/<slug:organization>/terms/", terms.terms, name="terms"),
    path("o/<slug:organization>/history/", history.history, name="history"),
    # A list, by its name
    path("o/<slug:organization>/lists/<slug:list_name>/columns/", lists.choose_columns, name="choose_columns"),
    path("o/<slug:organization>/lists/<slug:list_name>/views/", lists.save_view, name="save_view"),
    path("o/<slug:organization>/lists/<slug:list_name>/export.csv", lists.list_csv, name="list_csv"),
    path("o/<slug:organization>/lists/<slug:list_name>/export.xlsx", lists.list_xlsx, name="list_xlsx"),
    path("o/<slug:organization>/views/<int:view>/delete/", lists.delete_view, name="delete_view"),
    path("o/<slug:organization>/export/", organization.export_organization, name="export_organization"),
    path("o/<slug:organization>/export/everything/", organization.export_everything, name="export_everything"),
    path("o/<slug:organization>/close/", organization.close_organization, name="close_organization"),
    path("o/<slug:organization>/work/", work.work, name="work"),
    path("o/<slug:organization>/work/indicator/", work.work_indicator, name="work_indicator"),
    path("o/<slug:organization>/work/<int:work>/download/", work.work_download, name="work_download"),
    path("o/<slug:organization>/work/<int:work>/again/", work.work_again, name="work_again"),
    path("o/<slug:organization>/work/<int:work>/remove/", work.work_remove, name="work_remove"),
    path("o/<slug:organization>/hidden-products/", hidden_products.hidden_products, name="hidden_products"),
    path(
        "o/<slug:organization>/hidden-products/<slug:product>/hide/", hidden_products.hide_product, name="hide_product"
    ),
    path(
        "o/<slug:organization>/hidden-products/<slug:product>/show/", hidden_products.show_product, name="show_product"
    ),
]

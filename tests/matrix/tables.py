"""For whom the pages are that are neither one organization's nor of the admin site; a URL that is nowhere fails."""

# For anybody.
PUBLIC = {
    *(
        "healthz",
        "readyz",
        "metrics",
        "jwks",
        "schema",
        "verify",
        "where_to_buy",
        "where_to_buy_towns",
        "where_to_buy_details",
        # Files of Where to buy; those of My Systems ask for the person (tests/portal/test_own_lists.py).
        "own_list_csv",
        "own_list_xlsx",
        "privacy",
        "contact",
        "shortcuts",
        "choose_language",
        "api_document",
        "openapi",
    ),
    # Of the demonstration; elsewhere there are none.
    *("demo_clock", "demo_mail", "demo_mail_html", "styleguide", "styleguide_example"),
    # On the way in: they hold nothing but what a mail or the sign-in before brought.
    *("account_login", "account_logout", "account_inactive", "account_signup", "confirm_sign_up", "accept_invitation"),
    *("account_email_verification_sent", "account_confirm_login_code", "mfa_authenticate"),
    *("account_reset_password", "account_reset_password_done"),
    *("account_reset_password_from_key", "account_reset_password_from_key_done"),
}
# For whoever signed in.
SIGNED_IN = {
    *("choose_own_columns", "save_own_view", "delete_own_view"),
    *("my_systems", "go", "create_organization", "account", "close_account"),
    *("account_email", "account_change_password", "account_set_password", "account_reauthenticate"),
    *("mfa_index", "mfa_reauthenticate", "mfa_activate_totp", "mfa_deactivate_totp"),
    *("mfa_view_recovery_codes", "mfa_generate_recovery_codes", "mfa_download_recovery_codes"),
}
# Pages of the admin site that find nothing by what the matrix asks them.
NOTHING_THERE = {"admin:view_on_site", "admin:autocomplete", "admin:organizations_accessgrant_end", ""}
# What belongs to one member: for all others it does not exist.
OF_ONE_MEMBER = {"delete_view", "work_download", "work_again", "work_remove"}

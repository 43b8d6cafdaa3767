"""What tests/selecting.py reads: which tests the engine can make fail, and why.

The longest entry that a test's id starts with decides: a file's own, or that of tests in it.
"""

# Files and folders whose tests depend on the engine.
DEPENDENT = {
    "tests/catalog/": "items, their lists and their words are stored, indexed and locked by each engine's own means",
    "tests/folksonomy/": "words are counted and rewritten by each engine's own statements",
    "tests/registry_site/dialects/test_mlflow.py": "filters, pages and drafts are rows of each engine",
    "tests/registry_site/dialects/test_mlflow_client.py": "MLflow's own client over each engine",
    "tests/registry_site/dialects/test_mlflow_server.py": "answers are compared with recorded ones of MLflow's server",
    "tests/registry_site/dialects/test_mlflow_languages.py::test_runs_are": "engines compare times and lists",
    "tests/registry_site/operations/importing/test_interrupted.py": "a killed import relies on transactions",
    "tests/registry_site/pages/test_admin.py": "the admin site sends Django's own queries",
    "tests/registry_site/operations/test_backup.py": "rows are read at one moment and written back",
    "tests/registry_site/operations/test_backup_rules.py": "rows are read at one moment and written back",
    "tests/registry_site/operations/test_integrity.py": "rows, locks and references are the engine's",
    "tests/registry_site/api/test_openapi_examples.py": "one walk of every route with requests that succeed",
    "tests/registry_site/operations/test_renaming.py": "a migration rewrites rows and lists",
    "tests/registry_site/operations/test_upgrade.py": "migrations change each engine's own schema",
    "tests/registry_site/config/test_startup_lock.py": "each engine has its own lock",
    "tests/tenants/identity/test_deletions.py": "rows that refer to each other are deleted in steps",
    "tests/tenants/identity/test_emails.py": "addresses are compared by the engine without regard to case",
    "tests/tenants/identity/test_lost_updates.py": "rows are locked, and only changed columns written",
    "tests/tenants/identity/test_outbox.py": "mails are leased and counted by the engine",
    "tests/tenants/identity/test_throttling.py": "attempts are counted under locks",
    "tests/tenants/ledger/": "events are inserted, sealed and read by each engine's own statements",
    "tests/tenants/rest/": "each engine has its own compiler of filters, orders and pages, and its own savepoints",
    "tests/tenants/rows/": "transactions and prepared queries are the engine's",
    "tests/test_admin_query_counts.py": "the admin site sends Django's own queries",
    "tests/test_any_body.py": "one walk of every route with any input, which an engine may not be able to store",
    "tests/test_events.py": "events are written in transactions, and not where these roll back",
    "tests/e2e/browser/test_demo.py": "lists are sorted, compared and downloaded by the engine",
    "tests/e2e/test_disk_full.py": "each driver has its own error for a full disk",
    "tests/e2e/test_durability.py": "what was committed is there after a kill",
    "tests/test_isolation.py": "which items a caller may read is part of each query",
    "tests/test_leaks.py": "filters and orders are the engine's",
    "tests/test_query_counts.py": "engines need different numbers of queries",
    "tests/test_races.py": "locks are the engine's",
    "tests/versions/test_bytes.py": "rows that refer to bytes are counted and locked",
    "tests/versions/test_embedded.py": "versions are read with their items by each engine's own means",
    "tests/versions/test_many_files.py": "many rows are written and deleted in parts",
    "tests/versions/test_naming.py": "rows that refer to bytes are locked",
    "tests/versions/test_upload_sessions.py": "uploads are rows, and locked",
}
# Of these, tests that end before a query that could differ, or whose queries others run on every engine.
NOT_IN_THEM = {
    "tests/catalog/aliases/test_aliases.py": (
        "test_a_body_that_is_no_move test_a_move_to_what test_an_ambiguous_name test_letters_digits"
    ),
    # Python compares rules with what is moved; the others read, change and delete rules, and lock proposals.
    "tests/catalog/aliases/test_protection.py": (
        "test_a_rejected_or_withdrawn test_a_second_name test_all_rules test_an_invalid_rule test_an_owner_does_not"
        " test_an_owner_neither test_the_rules_that_count test_those_whom"
    ),
    "tests/catalog/aliases/test_history.py": "test_an_invalid_time",
    "tests/catalog/compare/test_compare.py": (
        "test_a_bad_request test_a_comparison_is_bounded test_other_fields test_the_best_value"
    ),
    "tests/catalog/test_concurrency.py": "test_a_list_of_a_thousand",
    "tests/catalog/test_items_deletion.py": "test_an_unknown_id test_items_are_for_users",
    "tests/catalog/test_items_metadata.py": "test_a_metadata_value_is_text",
    "tests/catalog/test_items_update_in_place.py": "test_updates_that_contradict",
    "tests/catalog/test_version_words.py": "test_an_invalid_patch test_an_upload_with_invalid",
    "tests/folksonomy/test_curation.py": (
        "test_the_admin_site_creates_no_word test_words_that_the_api test_an_impossible_merge"
    ),
    "tests/folksonomy/test_terms.py": (
        "test_a_term_may_be_any test_a_term_without test_an_invalid_usage test_only_administrators"
        " test_other_directions"
        " test_regular_users"
    ),
    "tests/registry_site/dialects/test_mlflow.py": (
        "test_a_tag_is_returned test_any_input test_a_route_is_closed test_malformed_numbers"
    ),
    "tests/registry_site/operations/test_backup.py": "test_a_backup_of_one_engine",  # it visits all engines
    "tests/registry_site/operations/test_backup_rules.py": (
        "test_a_backup_needs test_a_backup_with_missing test_a_folder_readable test_a_forged_backup"
        " test_a_restore_reports"
        " test_every_table test_others_on_the_machine"
    ),
    "tests/registry_site/pages/test_admin.py": (
        "test_a_superuser test_bad_forms test_every_page_is_closed test_forms_from_other test_guesses_of"
        " test_superusers_change"
        " test_users_of_tenants"
    ),
    "tests/tenants/identity/test_outbox.py": "test_an_invalid_tenant_id",
    "tests/tenants/identity/test_throttling.py": "test_an_ipv6_network test_failures_of_an_address_do_not",
    "tests/tenants/ledger/test_sealing.py": "test_every_alteration",  # the chain is checked in Python
    "tests/tenants/rest/querying/test_lists.py": (
        # tests/tenants/rest/test_lists.py sends these.
        "test_a_page_or_limit test_each_spelling test_the_error_names test_only_selected"
    ),
    "tests/tenants/rest/querying/test_patterns.py": "test_a_pattern_that_one_engine",
    "tests/tenants/rest/test_after.py": "test_a_browser test_after_and_page",
    "tests/tenants/rest/test_exports.py": (
        "test_a_refused_export test_format_names test_no_cell test_the_form_is test_the_header test_values_are"
    ),
    "tests/tenants/rest/test_filters.py": "test_a_pattern_that_is_not_linear test_an_invalid_filter",
    "tests/tenants/rest/test_large_pages.py": "test_ten_thousand",  # test_exports.py reads as many on every engine
    "tests/tenants/rest/test_lists.py": (
        "test_a_page_or_limit test_a_select_that test_an_empty_parameter test_an_invalid_sort test_select"
    ),
    # The demo calls services; tests/registry_site/api/test_about.py makes it on every engine.
    "tests/catalog/test_totals.py": "test_totals_are_exact_after_every_kind_of_write[demo-",
    "tests/test_any_body.py": "test_nothing_that_is_sent_is_answered_with_a_crash[demo]",
    "tests/test_events.py": "test_a_write_leaves_an_event_by_its_caller[demo",
    "tests/e2e/test_disk_full.py": "test_an_upload_to_a_full_disk test_every_driver test_no_other_failure",
    "tests/test_isolation.py": "test_a_route_is_open test_every_route test_items_know",
    "tests/versions/test_upload_sessions.py": (
        "test_a_client_that_can_only_post test_a_malformed_creation test_an_upload_that_would test_another_version"
    ),
}
# Files and folders whose tests do not depend on the engine.
INDEPENDENT = {
    "tests/catalog/test_admin_aliases.py": "the admin site calls services, which other tests call on every engine",
    "tests/catalog/test_admin_items.py": "the admin site calls services, which other tests call on every engine",
    "tests/catalog/test_demo.py": "the demo calls services, which other tests call on every engine",
    "tests/catalog/compare/test_formats.py": "texts are made of a comparison",
    "tests/catalog/test_items_access.py": "tests/test_isolation.py asks for items as every caller on every engine",
    "tests/catalog/test_items_description.py": "a description is a text as others",
    "tests/catalog/test_items_fields.py": "fields are checked before rows are written",
    "tests/catalog/test_items_original.py": "its requests are each tested on every engine",
    "tests/catalog/test_items_update.py": "changes are checked before rows are written",
    "tests/folksonomy/test_names.py": "names are checked before rows are written",
    # test_demo.py finds, compares and downloads on the other engines.
    "tests/e2e/browser/": "pages run in a browser; the requests that they send are tested on every engine",
    "tests/e2e/fuzz/": "tests/test_any_body.py sends anything to every route on every engine",
    "tests/e2e/original/": "its requests are each tested on every engine",
    "tests/e2e/postman/": "tests/registry_site/api/test_openapi_examples.py sends the same requests on every engine",
    "tests/registry_site/api/test_about.py": "HTML and texts; the demo's services are tested on every engine",
    "tests/registry_site/dialects/test_mlflow_server.py::test_mlflows_own_server": "MLflow's server is asked",
    "tests/registry_site/dialects/test_mlflow_languages.py": "numbers are read; test_mlflow.py sends the same requests",
    "tests/registry_site/pages/test_draft_pages.py": "the rows are read by dialects/test_mlflow.py",
    "tests/registry_site/dialects/test_mlmodel.py": "a file is read and shown",
    "tests/registry_site/operations/importing/test_conversion.py": "values are converted before they are stored",
    "tests/registry_site/operations/importing/test_measurify.py": "files are read; few rows are written in other ways",
    "tests/registry_site/operations/importing/test_mlflow_answers.py": "malformed answers, no rows",
    "tests/registry_site/operations/importing/test_mlflow.py": "MLflow is asked; the same services store its responses",
    "tests/registry_site/serving/test_aborts.py": "connections of responses that fail",
    "tests/registry_site/serving/test_body_costs.py": "bodies are bounded before a database is used",
    "tests/registry_site/serving/test_certificates.py": "files and TLS",
    "tests/registry_site/operations/test_compose.py": "it starts a MongoDB of its own",
    "tests/registry_site/api/test_bodies.py": "types are checked before a database is used",
    "tests/registry_site/api/test_conventions.py": "URLs, headers and JSON",
    "tests/registry_site/config/test_databases.py": "the variable DATABASE is read before any database is used",
    "tests/registry_site/serving/test_deadlines.py": "connections end before a database is used",
    "tests/registry_site/config/test_environment.py": "variables are read before any database is used",
    "tests/registry_site/api/test_errors.py": "the shape of errors is the same whatever fails",
    "tests/registry_site/api/test_errors_served.py": "requests are refused before a database is used",
    "tests/registry_site/api/test_forms.py": "forms are parsed before a database is used",
    "tests/registry_site/api/test_hostile_bodies.py": "bodies are refused before a database is used",
    "tests/registry_site/api/test_limits.py": "requests are refused before rows are written",
    "tests/registry_site/api/test_names.py": "names are checked before rows are written",
    "tests/registry_site/serving/test_https_served.py": "TLS and processes",
    "tests/registry_site/serving/test_nginx.py": "nginx uses no database",
    "tests/registry_site/pages/test_vendored.py": "files are compared",
    "tests/registry_site/pages/test_compare_page.py": "HTML is made of comparisons",
    "tests/registry_site/pages/test_markdown.py": "texts are rendered without a database",
    "tests/registry_site/pages/test_version_pages.py": "HTML is made of documents",
    "tests/registry_site/pages/test_activity.py": "sentences are made of documents",
    "tests/registry_site/pages/test_search.py": "queries are tested on every engine by tests/tenants/rest/",
    "tests/registry_site/pages/test_item_page.py": "texts and links; queries are tested on every engine elsewhere",
    "tests/folksonomy/test_duplicates.py": "no database is used",
    "tests/registry_site/pages/test_words.py": "forms call services, which tests/catalog/test_merges.py tests",
    "tests/registry_site/pages/test_shell.py": "cookies, forms and errors",
    "tests/registry_site/pages/test_pages.py": "HTML or JSON is chosen by headers",
    "tests/registry_site/serving/test_redirect.py": "no database is used",
    "tests/registry_site/api/test_schema.py": "the OpenAPI document is made of the code",
    "tests/registry_site/config/test_secrets.py": "a start is refused before a database is used",
    "tests/registry_site/serving/test_serve.py": "processes and files; test_durability.py kills on every engine",
    "tests/registry_site/config/test_storages.py": "no database is used",
    "tests/registry_site/serving/test_slots.py": "slots of a worker's threads",
    "tests/tenants/identity/test_login.py": "users are read as elsewhere, and no database hashes",
    "tests/tenants/identity/test_login_served.py": "no database hashes",
    "tests/tenants/identity/test_machine_tokens.py": "scopes and secrets are compared after rows are read",
    "tests/tenants/identity/test_outbox_served.py": "processes and mail servers; test_outbox.py leases mails",
    "tests/tenants/identity/test_passwords.py": "strength and hashes",
    "tests/tenants/identity/test_self.py": "links are checked after rows are read",
    "tests/tenants/identity/test_sessions.py": "cookies and forms",
    "tests/tenants/identity/test_tenants.py": "fields are checked before rows are written",
    "tests/tenants/identity/test_tokens.py": "signatures and claims are checked without a database",
    "tests/tenants/identity/test_users.py": "fields are checked before rows are written",
    "tests/tenants/log/test_request_log.py": "texts are cut and blanked before they are stored",
    "tests/tenants/log/test_request_log_served.py": "when the log is written; test_request_log.py writes it",
    "tests/tenants/test_admin_tenants.py": "the admin site calls services, which other tests call on every engine",
    "tests/tenants/rest/querying/test_parse.py": "no database is used",
    "tests/tenants/rest/querying/test_terms.py": "no database is used",
    "tests/tenants/rest/querying/test_totals.py": "no database is used",
    "tests/test_architecture.py": "the code is read",
    "tests/e2e/test_benchmark.py": "it starts engines of its own",
    "tests/test_browsers.py": "headers and cookies are the same for every response",
    "tests/test_contract.py": "the documentation is read",
    "tests/test_docs.py": "the documentation is read",
    "tests/e2e/test_tus_clients.py": "clients speak to a registry; test_durability.py kills it on every engine",
    "tests/test_fixed_fields.py": "serializers drop fields before rows are written",
    "tests/e2e/test_package.py": "the package is built and installed",
    "tests/e2e/test_readme.py": "the documentation is followed; what it does is tested on every engine",
    "tests/test_scopes.py": "scopes are compared before rows are read",
    "tests/test_security_page.py": "the documentation is read",
    "tests/versions/test_archives.py": "archives are made of files; test_folders.py lists these on every engine",
    "tests/versions/test_azure_store.py": "no engine stores bytes",
    "tests/versions/test_download.py": "headers and ranges of files; names are looked up in test_names.py",
    "tests/versions/test_folders.py": "forms and paths are checked before rows are written",
    "tests/versions/test_google_store.py": "no engine stores bytes",
    "tests/versions/test_names.py": "names of forms and paths are checked before rows are written",
    "tests/versions/test_object_store.py": "no engine stores bytes",
    "tests/versions/test_object_store_served.py": "no engine stores bytes",
    "tests/versions/test_streams.py": "no engine stores bytes",
    "tests/versions/test_tus.py": "no engine stores bytes; test_upload_sessions.py has the rows",
    "tests/versions/test_upload.py": "no engine stores bytes",
}
# Of these, tests of what the engine stores, finds, orders, counts, deletes or locks.
IN_THEM = {
    "tests/catalog/test_admin_items.py": "test_an_item_is_deleted test_concurrent_changes test_lists_show",
    "tests/catalog/test_items_access.py": "test_a_filter_never test_only_readers",
    "tests/catalog/test_items_description.py": "test_a_description_is_stored test_descriptions_count",
    "tests/catalog/test_items_fields.py": "test_an_id_is test_an_owner_has test_other_owners test_the_error_for",
    "tests/catalog/test_items_update.py": (
        "test_adding_metadata test_elements_are_removed test_metadata_is_removed test_removal_comes"
    ),
    "tests/registry_site/api/test_about.py": "test_healthz test_the_demo_creates",
    "tests/registry_site/api/test_conventions.py": "test_dates test_text",
    "tests/registry_site/api/test_errors.py": "test_text_that_a_database",
    "tests/registry_site/api/test_limits.py": "test_an_item_fits test_lists_of_an_item",
    "tests/registry_site/api/test_names.py": "test_any_other_name test_an_ordinal_of_letters",
    "tests/registry_site/operations/importing/test_measurify.py": (
        "test_an_existing_user test_everything_of test_running_it_again"
    ),
    "tests/registry_site/operations/importing/test_mlflow.py": (
        "test_a_registered_model_is test_a_version_is_imported test_aliases_stay test_running_it_again"
    ),
    "tests/registry_site/pages/test_version_pages.py": "test_the_pages_of_a_large",
    "tests/registry_site/serving/test_serve.py": "test_a_database_that",
    "tests/tenants/identity/test_machine_tokens.py": (
        "test_a_list_of_tokens test_a_revoked_token test_a_token_costs test_a_token_ends_with test_a_user_has"
        " test_administrators_see test_the_day"
    ),
    "tests/tenants/identity/test_self.py": "test_a_link_works test_mails_are test_using_a_link",
    "tests/tenants/identity/test_sessions.py": (
        "test_a_malformed_session test_a_new_password test_logging_out test_the_login_ends test_the_session_expires"
    ),
    "tests/tenants/identity/test_tenants.py": (
        "test_a_deleted_tenant test_a_recreated test_a_taken test_tenants_are test_the_public_list"
    ),
    "tests/tenants/identity/test_tokens.py": "test_a_token_does_not test_a_token_ends",
    "tests/tenants/identity/test_users.py": (
        "test_a_deleted_user test_a_user_is_found test_a_username_equal test_an_owner test_filters_and test_the_last"
        " test_usernames_and test_users_are_filtered"
    ),
    "tests/tenants/log/test_request_log.py": (
        "test_administrators_see test_an_invalid_entry test_entries test_expired test_old_entries"
        " test_the_log_is_filtered"
        " test_unprintable"
    ),
    "tests/tenants/test_admin_tenants.py": "test_a_tenant_is_deleted test_tenants_and_users test_the_list_shows",
    "tests/versions/test_folders.py": (
        "test_a_folder_of_more test_a_url_whose test_a_version_is_made test_an_ordinal_is_never"
        " test_the_files_are_listed"
        " test_two_versions test_uploads_of"
    ),
    "tests/versions/test_names.py": ("test_a_name_of_several test_a_version_is_found test_the_collection_lists"),
    "tests/versions/test_upload.py": (
        "test_a_stored_version test_a_taken_ordinal test_an_item_with test_counting test_each_item test_ordinals"
    ),
}
# Dependent tests that an engine does not run, because two others show the same and they take long.
NOT_ON = {
    "postgres": {
        "tests/e2e/browser/test_demo.py": "tests/tenants/rest/ sends its requests on each engine",
        "tests/registry_site/dialects/test_mlflow_client.py": "test_mlflow.py sends its requests on each engine",
        "tests/registry_site/dialects/test_mlflow_server.py": "test_mlflow.py sends its requests on each engine",
        "tests/registry_site/operations/importing/test_mlflow.py": "the services that store models run on each",
    },
}

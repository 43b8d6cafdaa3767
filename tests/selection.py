"""Which tests run where: all on one engine, and on the others those that the engine can make fail.

An entry can name some parameters of a test: walks of what all kinds of items share run on the others for models only.
The longest entry that a test's id starts with decides. A test that no entry names runs on every engine, and
tests/test_architecture.py fails until its file is listed, so that no new test is left out by accident.
"""

import pytest

# Files and folders whose tests depend on the engine, and why.
DEPENDENT = {
    "tests/catalog/": "items, their lists and their words are stored, indexed and locked by each engine's own means",
    "tests/folksonomy/": "words are counted and rewritten by each engine's own statements",
    "tests/test_events.py": "events are written in transactions, and not where these roll back",
    "tests/tenants/ledger/": "events are inserted, sealed and read by each engine's own statements",
    "tests/tenants/rest/querying/": "each engine has its own compiler of filters, orders and pages",
    "tests/registry_site/dialects/test_mlflow.py": "filters, pages and drafts are rows of each engine",
    "tests/registry_site/dialects/test_mlflow_client.py": "MLflow's own client over each engine",
    "tests/registry_site/operations/importing/test_interrupted.py": "a killed import relies on transactions",
    "tests/registry_site/operations/importing/test_measurify.py": "an import writes rows in batches",
    "tests/registry_site/api/test_about.py": "health is the engine's, and pages read rows",
    "tests/registry_site/pages/test_version_pages.py::test_the_pages_of_a_large": "the engine compares paths",
    "tests/registry_site/pages/test_admin.py": "the admin site sends Django's own queries",
    "tests/tenants/rest/test_after.py": "positions in a list are compared by the engine",
    "tests/registry_site/operations/test_backup.py": "rows are read at one moment and written back",
    "tests/registry_site/operations/test_backup_rules.py": "rows are read at one moment and written back",
    "tests/tenants/rest/test_bulk.py": "savepoints are the engine's",
    "tests/registry_site/api/test_conventions.py::test_dates": "the engine stores dates",
    "tests/registry_site/api/test_conventions.py::test_text": "the engine stores text",
    "tests/registry_site/api/test_errors.py::test_text_that_a_database": "engines refuse different characters",
    "tests/tenants/rest/test_filters.py": "each engine has its own compiler of filters",
    "tests/registry_site/operations/test_integrity.py": "rows, locks and references are the engine's",
    "tests/registry_site/api/test_limits.py": "a row has a largest size on each engine",
    "tests/tenants/rest/test_large_pages.py": "large pages are read in parts by the engine",
    "tests/tenants/rest/test_lists.py": "lists are ordered, counted and cut by the engine",
    "tests/registry_site/api/test_names.py": "engines refuse different characters",
    "tests/registry_site/api/test_openapi_examples.py": "one walk of every route with requests that succeed",
    "tests/registry_site/operations/test_renaming.py": "a migration rewrites rows and lists",
    "tests/registry_site/serving/test_serve.py::test_a_database_that_does_not_answer": "each driver has its own errors",
    "tests/registry_site/serving/test_serve.py::test_everything_is_kept": "what was committed is there after a kill",
    "tests/registry_site/serving/test_serve.py::test_concurrent_starts": "migrations run under the engine's lock",
    "tests/registry_site/config/test_startup_lock.py": "each engine has its own lock",
    "tests/registry_site/operations/test_upgrade.py": "migrations change each engine's own schema",
    "tests/tenants/rest/test_search.py": "the same conditions as filters, and counts, by each engine",
    "tests/tenants/rest/test_sort_by_value.py": "each engine has its own index of values and its own pages",
    "tests/tenants/": "users, sessions and attempts are rows, and some are locked",
    "tests/test_admin_query_counts.py": "the admin site sends Django's own queries",
    "tests/test_any_body.py": "one walk of every route with any input, which an engine may not be able to store",
    "tests/e2e/browser/test_compare.py::test_a_metric_is_drawn": "versions are found and ordered by the engine",
    "tests/e2e/test_disk_full.py": "each driver has its own error for a full disk",
    "tests/e2e/test_durability.py": "what was committed is there after a kill",
    "tests/test_isolation.py": "one walk of every route with every caller: permissions are queries",
    "tests/test_leaks.py": "filters and orders are the engine's",
    "tests/test_query_counts.py": "engines need different numbers of queries",
    "tests/test_races.py": "locks are the engine's",
    "tests/versions/": "versions are rows, counted and locked",
}
# Files, folders and tests that are independent of the engine, and why.
INDEPENDENT = {
    "tests/catalog/test_demo.py": "the demo calls services, which other tests call on every engine",
    "tests/e2e/browser/": "pages run in a browser; the requests that they send are tested on every engine",
    "tests/e2e/fuzz/": "tests/test_any_body.py sends anything to every route on every engine",
    "tests/e2e/original/": "its requests are each tested on every engine",
    "tests/e2e/postman/": "tests/registry_site/api/test_openapi_examples.py sends the same requests on every engine",
    "tests/tenants/rest/querying/test_parse.py": "no database is used",
    "tests/tenants/rest/querying/test_terms.py": "no database is used",
    "tests/tenants/rest/querying/test_totals.py": "no database is used",
    "tests/registry_site/dialects/test_mlflow_client.py::test_every_route": "the form of answers, not the rows",
    "tests/registry_site/operations/importing/test_conversion.py": "values are converted before they are stored",
    "tests/registry_site/operations/importing/test_mlflow_answers.py": "malformed answers, no rows",
    "tests/registry_site/operations/importing/test_mlflow.py": "MLflow is asked; the same services store its responses",
    "tests/registry_site/operations/test_backup.py::test_a_backup_of_one_engine": "it visits all engines",
    "tests/registry_site/serving/test_aborts.py": "connections of responses that fail",
    "tests/registry_site/serving/test_body_costs.py": "bodies are bounded before a database is used",
    "tests/registry_site/serving/test_certificates.py": "files and TLS",
    "tests/registry_site/operations/test_compose.py": "it starts a MongoDB of its own",
    "tests/registry_site/api/test_conventions.py": "URLs, headers and JSON",
    "tests/registry_site/config/test_databases.py": "the variable DATABASE is read before any database is used",
    "tests/registry_site/serving/test_deadlines.py": "connections end before a database is used",
    "tests/registry_site/config/test_environment.py": "variables are read before any database is used",
    "tests/registry_site/api/test_errors.py": "the shape of errors is the same whatever fails",
    "tests/registry_site/api/test_errors_served.py": "requests are refused before a database is used",
    "tests/registry_site/api/test_forms.py": "forms are parsed before a database is used",
    "tests/registry_site/api/test_hostile_bodies.py": "bodies are refused before a database is used",
    "tests/registry_site/serving/test_https_served.py": "TLS and processes",
    "tests/registry_site/serving/test_nginx.py": "nginx uses no database",
    "tests/registry_site/pages/test_vendored.py": "files are compared",
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
    "tests/registry_site/serving/test_serve.py": "processes, signals and files",
    "tests/registry_site/config/test_storages.py": "no database is used",
    "tests/registry_site/serving/test_slots.py": "slots of a worker's threads",
    "tests/tenants/identity/test_login_served.py": "no database hashes",
    "tests/tenants/identity/test_passwords.py": "strength and hashes",
    "tests/tenants/log/test_request_log_served.py": "when the log is written; test_request_log.py writes it",
    "tests/test_architecture.py": "the code is read",
    "tests/e2e/test_benchmark.py": "it starts engines of its own",
    "tests/test_browsers.py": "headers and cookies are the same for every response",
    "tests/test_contract.py": "the documentation is read",
    "tests/test_isolation.py::test_items_know_no_other_methods": "requests are refused before rows are read",
    "tests/test_docs.py": "the documentation is read",
    "tests/e2e/test_disk_full.py::test_an_upload_to_a_full_disk": "the disk of the files is full",
    "tests/e2e/test_tus_clients.py": "clients speak to a registry; test_durability.py kills it on every engine",
    "tests/versions/test_tus.py": "no engine stores bytes; test_upload_sessions.py has the rows",
    "tests/test_fixed_fields.py": "serializers drop fields before rows are written",
    "tests/e2e/test_package.py": "the package is built and installed",
    "tests/e2e/test_readme.py": "the documentation is followed; what it does is tested on every engine",
    "tests/test_scopes.py": "scopes are compared before rows are read",
    "tests/test_security_page.py": "the documentation is read",
    "tests/versions/test_azure_store.py": "no engine stores bytes",
    "tests/versions/test_download.py": "headers and ranges of files; names are looked up in test_names.py",
    "tests/versions/test_google_store.py": "no engine stores bytes",
    "tests/versions/test_object_store.py": "no engine stores bytes",
    "tests/versions/test_object_store_served.py": "no engine stores bytes",
    "tests/versions/test_streams.py": "no engine stores bytes",
}
OTHER_KINDS = (
    "tests/catalog/test_totals.py::test_totals_are_exact_after_every_kind_of_write",
    "tests/test_any_body.py::test_nothing_that_is_sent_is_answered_with_a_crash",
    "tests/test_isolation.py::test_an_item_and_its_versions_open_to_those_who_may",
)
INDEPENDENT |= {
    f"{test}[{kind}": "kinds share their tables and views; it runs for models on every engine"
    for test in OTHER_KINDS
    for kind in ("datasets", "algorithms")
}
# Fixtures and files that start programs or walk every route slowly: `--quick` skips these tests.
STARTED = {"server", "s3_store", "azure_store", "object_store", "mlflow", "mongod", "chromium", "newman"}
SLOW = (
    "tests/e2e/fuzz/",
    "tests/registry_site/serving/test_certificates.py",
    "tests/registry_site/operations/test_compose.py",
    "tests/registry_site/config/test_environment.py",
    "tests/registry_site/config/test_secrets.py",
    "tests/registry_site/serving/test_serve.py",
    "tests/registry_site/config/test_storages.py",
    "tests/test_any_body.py",
    "tests/e2e/test_benchmark.py",
    "tests/test_browsers.py::test_djangos_own_check",
    "tests/e2e/test_durability.py",
)


def decides(nodeid: str) -> str:
    """Return the longest entry that is a prefix of a test's id, or an empty string."""
    return max((entry for entry in (*DEPENDENT, *INDEPENDENT) if nodeid.startswith(entry)), key=len, default="")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Deselect tests by the options."""
    left = []
    if config.getoption("--dependent"):
        left += [item for item in items if decides(item.nodeid) in INDEPENDENT]
    if config.getoption("--quick"):
        left += [item for item in items if _starts_programs(item)]
    if left:
        gone = set(left)
        config.hook.pytest_deselected(items=[item for item in items if item in gone])
        items[:] = [item for item in items if item not in gone]


def _starts_programs(item: pytest.Item) -> bool:
    fixtures = list(getattr(item, "fixturenames", ()))
    if callspec := getattr(item, "callspec", None):  # a parameter can name a fixture
        fixtures += [value for value in callspec.params.values() if isinstance(value, str)]
    return item.nodeid.startswith(SLOW) or bool(STARTED.intersection(fixtures))

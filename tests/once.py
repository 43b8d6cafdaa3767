"""Tests that no engine has a part in: `--again` leaves them out, where all tests have run on another engine before."""

import pytest

# Files and folders of tests, and why one engine is enough.
ONCE = {
    "tests/browser/": "pages run in a browser; what they ask the API for is tested on every engine",
    "tests/postman/": "its requests are each tested on every engine",
    "tests/querying/test_parse.py": "no database is asked",
    "tests/querying/test_totals.py": "no database is asked",
    "tests/registry_site/importing/test_fitting.py": "values are fitted before they are kept",
    "tests/registry_site/importing/test_mlflow.py": "MLflow is asked; the same services keep what it says",
    "tests/registry_site/test_certificates.py": "the server's own",
    "tests/registry_site/test_compose.py": "it starts a MongoDB of its own",
    "tests/registry_site/test_environment.py": "variables are read before any database is",
    "tests/registry_site/test_errors_served.py": "refused before a database is asked",
    "tests/registry_site/test_https_served.py": "the server's own",
    "tests/registry_site/test_nginx.py": "what stands in front of a registry knows nothing of its database",
    "tests/registry_site/test_package.py": "what is installed is the same for every database",
    "tests/registry_site/test_pages.py": "which form an answer has does not depend on what it says",
    "tests/registry_site/test_redirect.py": "no database is asked",
    "tests/registry_site/test_schema.py": "the document is made of the code",
    "tests/registry_site/test_secrets.py": "a start that is refused before a database is asked",
    "tests/registry_site/test_storages.py": "no database is asked",
    "tests/tenants/test_login_served.py": "no database hashes",
    "tests/test_architecture.py": "the code is read",
    "tests/test_benchmark.py": "it starts engines of its own",
    "tests/test_browsers.py": "headers are the same whatever an answer says",
    "tests/test_contract.py": "the documentation is read",
    "tests/test_docs.py": "the documentation is read",
    "tests/versions/test_google_store.py": "no engine knows where bytes are",
    "tests/versions/test_object_store.py": "no engine knows where bytes are",
    "tests/versions/test_object_store_served.py": "no engine knows where bytes are",
    "tests/versions/test_streams.py": "no engine sees bytes",
}


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what is listed above, where that is asked for."""
    if config.getoption("--again"):
        left = [item for item in items if item.nodeid.startswith(tuple(ONCE))]
        config.hook.pytest_deselected(items=left)
        items[:] = [item for item in items if item not in left]

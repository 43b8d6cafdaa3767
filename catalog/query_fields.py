"""The fields that lists of items and versions can be filtered and sorted by (see `tenants.rest.querying.fields`)."""

DATASET_FIELDS = {
    "_id": "text:pk",
    "name": "text",
    "owner": "user:owner_id",
    "visibility": "text",
    "users": "texts",
    "tags": "texts#tag",
    "metadata": "pairs#metadata",
    "timestamp": "date",
    "lastmod": "date",
    "versions": "rows:versions.Version.subject",
    "versions.ordinal": "text",
    "versions.original": "text",
    "versions.mimetype": "text",
    "versions.size": "number",
    "aliases": "pairs",
    "versions.tags": "texts#tag",
    "versions.metadata": "pairs#metadata",
}
ITEM_FIELDS = DATASET_FIELDS | {"status": "text?", "datasets": "texts"}
VERSION_FIELDS = {
    "_id": "text:pk",
    "ordinal": "text",
    "original": "text",
    "mimetype": "text",
    "size": "number",
    "sha256": "text",
    "tags": "texts#tag",
    "metadata": "pairs#metadata",
    "timestamp": "date",
}

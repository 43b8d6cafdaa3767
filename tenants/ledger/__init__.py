"""The ledger: one event for every change, written in its transaction, then sealed into a chain of hashes."""

from tenants.ledger.changes import Changes
from tenants.ledger.recording import Row, Subject, created, deleted, event, record, record_all

__all__ = ["Changes", "Row", "Subject", "created", "deleted", "event", "record", "record_all"]

"""The ledger: one event for every change, written in its transaction, then sealed into a chain of hashes."""

from tenants.ledger.recording import Subject, created, deleted, event, record, record_all

__all__ = ["Subject", "created", "deleted", "event", "record", "record_all"]

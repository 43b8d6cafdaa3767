"""The list language: filters, order, pages and totals, compiled for each engine."""

"""The list language: filters, order, pages and totals, compiled for each engine.

`query` reads the parameters, `parse` the filter, `compile` turns it into a condition, and `page` reads and answers.
"""

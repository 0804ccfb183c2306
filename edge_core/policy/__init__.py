"""Policies as data: tables that people edit, checked before they are used, give routing its prices (docs/policies.md).

This package imports `edge_core.routing` and never the other way: a question can be answered without any policy.
"""

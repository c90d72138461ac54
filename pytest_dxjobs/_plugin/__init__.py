"""Helpers of ``plugin.py``: options, failure reports, scenario selection, Hypothesis examples.

May import everything but ``plugin``.
"""

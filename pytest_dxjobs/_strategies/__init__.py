"""Hypothesis strategies behind the public module `strategies`.

The only room that imports Hypothesis. May import `faults`, `_service`, `_jobs` and what those may import.
"""

"""The catalogue of scenarios, running code through one, and the report of what it did wrong.

May import `_fake`, `_clock` and what those may import.
"""

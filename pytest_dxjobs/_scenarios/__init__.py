"""The catalogue of scenarios, the code that runs them and the verdict.

May import `_fake`, `_clock` and what those may import.
"""

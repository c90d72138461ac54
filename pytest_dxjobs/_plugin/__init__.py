"""The pytest side behind `plugin.py`: options, reports, scenario selection, Hypothesis examples.

May import everything but `plugin`.
"""

"""GetJob responses: the job factory, coherence rules, histories and state transitions.

Knows no request. May import `_model` and `_core`.
"""

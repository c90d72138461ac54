"""The simulated service: an HTTP request in, an HTTP response out.

Holds the jobs, the operations, stubs, faults, the call log and the polling limits; knows no client.
May import `_jobs`, `_wire`, `_model` and `_core`.
"""

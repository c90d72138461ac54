"""The REST-JSON protocol over HTTP values: read requests, write responses.

May import `_model` and `_core`.
"""

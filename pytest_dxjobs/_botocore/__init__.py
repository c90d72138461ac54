"""The connection to botocore: intercepted calls, retry state, credentials.

The only room that touches client internals. May import `_service` and what that may import.
"""

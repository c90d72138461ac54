"""The service model that botocore ships, what AWS documents beyond it, formats and validation.

May import `_core`.
"""

"""Shared basics: errors, constants, argument checks, message text, ids, time, patching, tracebacks.

Imports nothing of the package, and neither botocore, pytest nor freezegun.
"""

"""`FakeDataExchange`, `Job`, assertions, `raises_*`, stubbing and fault injection.

May import `_botocore`, `faults` and what those may import.
"""

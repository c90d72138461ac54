"""Virtual time: the clock, patched sleeps, the scheduler of sleeping threads.

The only room that touches freezegun. May import `_botocore` and what that may import.
"""

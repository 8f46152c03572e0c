"""Logs of requests: the load that one tells, and requests replayed one by one.

It may import `siting`, which finds it by entry points and knows nothing of it.
"""

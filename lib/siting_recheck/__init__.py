"""Whether a report that was sent still holds with the facts of today.

It may import `siting`, which finds its command by an entry point and knows nothing of it.
"""

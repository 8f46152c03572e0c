"""What came after a decision: bills held against the plan, and what they teach.

It may import `siting`, which finds it by entry points and knows nothing of it.
"""

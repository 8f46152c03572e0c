"""Levels that public tenders ask for: SEAL of the EU Cloud Sovereignty Framework, and BSI's C3A.

It may import `siting`, which finds its frames by an entry point and knows nothing of it.
"""

"""Measurements of speed, memory and robustness; each module is a command.

What is measured of the kit's own figures, and what fits them, is in `siting_validation`.
"""

"""The record of vendors, when their models end, and what a shock would cost."""

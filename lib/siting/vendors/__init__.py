"""The record of vendors, their stability scores, and what a shock would cost."""

"""From executed notebooks to a page and a paper."""

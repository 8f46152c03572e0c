"""From notebooks to files: one report, a batch, the shelf of reports, what changed."""

"""What runs notebooks: the chapters of a report, one report, many, and the shelf they stand on."""

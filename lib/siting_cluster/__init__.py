"""Reports made on a Dask cluster.

It may import `siting_report` alone, which finds it by entry points (`siting_report.run.extras`):
nothing that makes reports names this package.
"""

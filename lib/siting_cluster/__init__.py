"""Reports elsewhere than here: made on a Dask cluster, kept in a store that fsspec knows.

It may import `siting_report` alone, which finds it by entry points (`siting_report.run.extras`):
nothing that makes reports names this package.
"""

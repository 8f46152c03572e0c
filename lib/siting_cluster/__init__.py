"""Reports elsewhere than here: made on a Dask cluster, kept in a store that fsspec knows.

`siting_report.run.extras` finds both by entry points; nothing that makes reports names this
package.
"""

"""`python -m benchmarks`: the speed and memory of rendering, into docs/performance.md."""

from benchmarks.rendering import main

main()

"""Benchmarks: `python -m scripts.bench.NAME --help`. Each prints ratios within one run."""

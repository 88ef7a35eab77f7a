"""How fast: what `tools/benchmark.py` measures, as ratios within one run."""

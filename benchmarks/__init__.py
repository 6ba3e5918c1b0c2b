"""Measurements of ganctl: `make bench`, or `python -m benchmarks.train --help` and so on."""

"""The throughput suite: how fast the zoo trains and samples, against loops written by hand.

`python -m benchmarks run` measures, `report` and `compare` read what it wrote.
"""

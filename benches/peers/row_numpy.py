#!/usr/bin/env python3
"""Seconds of one row of 768 through the map of an aligner with NumPy, into arrays that are there: the twin of `measureRow`."""

import json
import time

import numpy as np

DIM, RUNS = 768, 50_000


def main():
    row, shift, offset = np.random.default_rng(0).standard_normal((3, DIM)).astype(np.float32)
    out = np.empty(DIM, np.float32)
    seconds = []
    for _ in range(RUNS):
        started = time.perf_counter()
        np.multiply(row, 1.2 / np.sqrt(row @ row), out=out)
        out += shift
        out *= 1 / np.sqrt(out @ out)
        out += offset
        out *= 1 / np.sqrt(out @ out)
        seconds.append(time.perf_counter() - started)
    print(json.dumps({"median": sorted(seconds)[RUNS // 2]}))


if __name__ == "__main__":
    main()

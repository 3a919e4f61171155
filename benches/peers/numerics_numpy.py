#!/usr/bin/env python3
"""A covariance of f16 rows, a decomposition or a frame with NumPy and SciPy, the twin of the example `numerics` of crates/geometry.

    numerics_numpy.py covariance|eigen|frame|peak DIM [--runs 3] [--dtype f32|f64]

Rows are converted and multiplied a block at a time; a decomposition is the faster of LAPACK's divide and conquer and its relatively
robust representations. peak gives what this machine multiplies and copies in a second. Prints the median of the runs in JSON.
"""

import argparse
import json
import time

import numpy as np
from scipy.linalg import blas, eigh

ROWS, BLOCK = 65_536, 4096
DTYPES = {"f32": np.float32, "f64": np.float64}


def unit_rows(n, dim, seed):
    rng = np.random.default_rng(seed)
    rows = rng.uniform(-1, 1, (n, dim)) / np.sqrt(1 + np.arange(dim))
    rows[:, seed] += 2
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def covariance(dim, dtype):
    rows = np.tile(unit_rows(2048, dim, 0).astype(np.float16), (ROWS // 2048, 1))
    syrk = blas.ssyrk if dtype == np.float32 else blas.dsyrk

    def work():
        products, total = np.zeros((dim, dim)), np.zeros(dim)
        for first in range(0, ROWS, BLOCK):
            e = rows[first : first + BLOCK].astype(dtype)
            products += syrk(1.0, e.T)
            total += e.sum(axis=0, dtype=np.float64)
        upper = products / ROWS - np.outer(total / ROWS, total / ROWS)
        return np.triu(upper) + np.triu(upper, 1).T

    return work


def counted(dim, seed):
    rows = unit_rows(2 * dim, dim, seed)
    rows -= rows.mean(axis=0)
    return rows.T @ rows / len(rows)


def median(work, runs):
    seconds = []
    for _ in range(runs):
        started = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - started)
    return sorted(seconds)[runs // 2]


def decomposed(matrix, runs):
    return min(median(lambda: eigh(matrix, driver=driver, check_finite=False), runs) for driver in ("evd", "evr"))


def peak(runs):
    found = {}
    for name, dtype in DTYPES.items():
        a = np.random.default_rng(0).standard_normal((2048, 2048)).astype(dtype)
        found[name] = 2 * 2048**3 / median(lambda: a @ a, runs) / 1e9
    a = np.ones(1 << 26, np.uint8)
    b = np.empty_like(a)
    found["copy"] = 2 * len(a) / median(lambda: np.copyto(b, a), runs) / 1e9
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("work", choices=("covariance", "eigen", "frame", "peak"))
    parser.add_argument("dim", type=int)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--dtype", choices=DTYPES, default="f32")
    args = parser.parse_args()
    if args.work == "peak":
        print(json.dumps(peak(args.runs)))
        return
    if args.work == "covariance":
        seconds = median(covariance(args.dim, DTYPES[args.dtype]), args.runs)
    else:
        matrix = counted(args.dim, 0) + (counted(args.dim, 1) if args.work == "frame" else 0)
        seconds = decomposed(matrix, args.runs)
    print(json.dumps({"median": seconds}))


if __name__ == "__main__":
    main()

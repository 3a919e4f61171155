#!/usr/bin/env python3
"""What a gap is made of, with NumPy and SciPy: the fastest script that we could write.

    causes_numpy.py IMAGE TEXT [--halves] [--dtype f32|f64]

One pass over the pairs counts the covariances of both sides and of their differences by symmetric rank-k updates in the given type,
block sums in f64; decompositions are LAPACK's divide and conquer in f64. The first numbers are those of all rows; with --halves
also those that judge them: decompositions of both halves of the rows and of halves of these, the concentration of directions in the
frames of other rows, and pairs whose partners are exchanged. Prints JSON.
"""

import argparse
import json
import os

import numpy as np
from scipy.linalg import blas, cho_factor, cho_solve, eigh

BLOCK = 4096
SIDES = ("x", "y", "r")


def blocks(folder, dtype):
    for name in sorted(os.listdir(folder)):
        rows = np.load(os.path.join(folder, name), mmap_mode="r")
        for first in range(0, len(rows), BLOCK):
            e = rows[first : first + BLOCK].astype(dtype)
            yield e * (1 / np.sqrt(np.einsum("ij,ij->i", e, e)))[:, None]


class Moments:
    """Of rows about a fixed centre."""

    def __init__(self, center):
        self.center = center
        self.n, self.sum, self.products = 0, np.zeros(len(center)), np.zeros((len(center),) * 2)

    def add(self, e):
        e = e - self.center
        syrk = blas.ssyrk if e.dtype == np.float32 else blas.dsyrk
        # of e in C order syrk sees the transposed, without a copy
        self.products += syrk(1.0, e.T)
        self.sum += e.sum(axis=0, dtype=np.float64)
        self.n += len(e)

    def __add__(self, other):
        both = Moments(self.center)
        both.n, both.sum, both.products = self.n + other.n, self.sum + other.sum, self.products + other.products
        return both

    def covariance(self):
        upper = self.products / self.n - np.outer(self.sum / self.n, self.sum / self.n)
        return np.triu(upper) + np.triu(upper, 1).T


def counted(image, text, dtype, quarters):
    state, centers = None, None
    for x, y in zip(blocks(image, dtype), blocks(text, dtype)):
        if state is None:
            centers = [x.mean(axis=0), y.mean(axis=0)]
            centers.append(centers[0] - centers[1])
            state = [[Moments(c) for c in centers] for _ in range(quarters)]
        part = np.zeros(len(x), int) if quarters == 1 else np.arange(len(x)) % quarters
        for q in range(quarters):
            of = slice(None) if quarters == 1 else part == q
            a, b = x[of], y[of]
            for moments, rows in zip(state[q], (a, b, a - b)):
                moments.add(rows)
    return state


def decomposed(matrix):
    values, vectors = eigh(matrix, driver="evd", check_finite=False, overwrite_a=True)
    return values[::-1], vectors[:, ::-1]


def values_of(matrix):
    return eigh(matrix, eigvals_only=True, driver="evd", check_finite=False, overwrite_a=True)[::-1]


def frame(sx, sy):
    values, vectors = decomposed(sx + sy)
    return vectors, int(np.argmax(np.cumsum(values) >= 0.99 * values.sum())) + 1


def conditions(sr, vectors, r):
    U, V = vectors[:, :r], vectors[:, r:]
    return [values_of(basis.T @ (sr @ basis)) for basis in (U, V)]


def compared(ex, ux, ey, uy):
    cross = ux.T @ uy
    factor = np.sqrt(np.clip(ex, 0, None))[:, None] * cross * np.sqrt(np.clip(ey, 0, None))
    middle = values_of(factor @ factor.T)
    frechet = ex.sum() + ey.sum() - 2 * np.sqrt(np.clip(middle, 0, None)).sum()
    sizes = [2**k for k in range(int(np.log2(len(ex))) + 1)]
    return float(frechet), [float((cross[:q, :q] ** 2).sum() / q) for q in sizes]


def coupling(sr, U, V):
    side = sr @ U
    su = U.T @ side
    vu = V.T @ side
    L = cho_solve(cho_factor(su + 1e-6 * np.eye(len(su)), check_finite=False), vu.T, check_finite=False).T
    gram = L @ L.T if len(L) <= L.shape[1] else L.T @ L
    top = len(gram) - 1
    return float(np.sqrt(eigh(gram, eigvals_only=True, subset_by_index=[top, top], check_finite=False)[0]))


def directions(image, text, dtype, frames):
    """Mean lengths of unit directions in V, of one half of the pairs in the frame of the other."""
    bases = [(vectors[:, :r].astype(dtype), vectors[:, r:].astype(dtype)) for vectors, r in frames]
    sums, n = [0.0] * len(frames), 0
    for x, y in zip(blocks(image, dtype), blocks(text, dtype)):
        r = x - y
        square = np.einsum("ij,ij->i", r, r)
        for k, (U, V) in enumerate(bases):
            rows, of = r[k % 2 :: 2], square[k % 2 :: 2]
            along = rows @ (U if U.shape[1] < V.shape[1] else V)
            part = np.einsum("ij,ij->i", along, along)
            inverse = 1 / np.sqrt(of - part if U.shape[1] < V.shape[1] else part)
            sums[k] = sums[k] + inverse @ rows
        n += len(r)
    return [float(np.linalg.norm(V.T @ s)) / (n / 2) for s, (_, V) in zip(sums, bases)]


def strangers(image, text, dtype, mean, U, V):
    x = np.concatenate(list(blocks(image, dtype)))[:8192]
    y = np.concatenate(list(blocks(text, dtype)))[:8192]
    order = np.argsort(np.einsum("ij,ij->i", x, y))
    found = []
    for k in (1, 2, 3):
        moments = Moments(mean.astype(dtype))
        moments.add(x[order] - y[np.roll(order, -k * len(order) // 4)])
        found.append(coupling(moments.covariance(), U, V))
    return float(np.mean(found))


def causes(image, text, halves, dtype):
    state = counted(image, text, dtype, 4 if halves else 1)
    whole = state[0] if not halves else [sum((q[k] for q in state[1:]), state[0][k]) for k in range(3)]
    sx, sy, sr = (moments.covariance() for moments in whole)
    mx, my = (moments.center + moments.sum / moments.n for moments in whole[:2])
    m = mx - my
    vectors, r = frame(sx, sy)
    U, V = vectors[:, :r], vectors[:, r:]
    ex, ux = decomposed(sx.copy())
    ey, uy = decomposed(sy.copy())
    frechet, overlap = compared(ex, ux, ey, uy)
    (eu, ev), residual = conditions(sr, vectors, r), values_of(sr.copy())
    found = {
        "gap": float(np.linalg.norm(m)),
        "pmb": float(np.linalg.norm(U.T @ m)),
        "cob": float(np.linalg.norm(V.T @ m)),
        "traceU": float(eu.sum()),
        "traceV": float(ev.sum()),
        "kappaU": float(eu[0] / eu[-1]),
        "coupling": coupling(sr, U, V),
        "anisotropy": float(residual[0] / residual.mean()),
        "frechet": float(m @ m) + frechet,
        "overlap": overlap,
    }
    if not halves:
        return found
    parts = [[state[k][i] + state[k + 2][i] for i in range(3)] for k in (0, 1)]
    covariances = [[moments.covariance() for moments in part] for part in parts]
    spectra = [[decomposed(c[i].copy()) for i in (0, 1)] for c in covariances]
    frames = [frame(c[0], c[1]) for c in covariances]
    early = [frame(state[k][0].covariance(), state[k][1].covariance()) for k in (0, 1)]
    found["ofHalves"] = [compared(*of[0], *of[1]) for of in spectra]
    found["betweenHalves"] = compared(*spectra[0][0], *spectra[1][0])
    found["kappaHalves"] = [
        [float(v[0] / v[-1]) for v in conditions(c[2], *f)] for c, f in zip(covariances, frames)
    ]
    found["directions"] = directions(image, text, dtype, frames[::-1] + early[::-1])
    found["strangers"] = strangers(image, text, dtype, m, U, V)
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("image")
    parser.add_argument("text")
    parser.add_argument("--halves", action="store_true")
    parser.add_argument("--dtype", choices=("f32", "f64"), default="f32")
    args = parser.parse_args()
    dtype = {"f32": np.float32, "f64": np.float64}[args.dtype]
    print(json.dumps(causes(args.image, args.text, args.halves, dtype)))


if __name__ == "__main__":
    main()

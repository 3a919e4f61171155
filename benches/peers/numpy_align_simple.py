#!/usr/bin/env python3
"""ReAlign from npy f16 to npy f16 as one would plainly write it in NumPy: a chunk at a time, step after step.

    numpy_align_simple.py IMAGE_DIR TEXT_DIR OUT_DIR
"""

import glob
import os
import sys

import numpy as np

CHUNK = 10_000


def chunks(folder):
    for path in sorted(glob.glob(os.path.join(folder, "*.npy"))):
        rows = np.load(path, mmap_mode="r")
        for start in range(0, len(rows), CHUNK):
            e = rows[start : start + CHUNK].astype(np.float32)
            yield path, start, len(rows), e / np.linalg.norm(e, axis=1, keepdims=True)


def mean(parts):
    total, n = 0.0, 0
    for e in parts:
        total = total + e.sum(axis=0, dtype=np.float64)
        n += len(e)
    return total / n


def trace(folder, mu):
    total, n = 0.0, 0
    for _, _, _, e in chunks(folder):
        total += ((e - mu) ** 2).sum(dtype=np.float64)
        n += len(e)
    return total / n


def main(image, text, out):
    os.makedirs(out, exist_ok=True)
    mu_x = mean(e for *_, e in chunks(image)).astype(np.float32)
    mu_y = mean(e for *_, e in chunks(text)).astype(np.float32)
    s = np.float32(np.sqrt(trace(image, mu_x) / (trace(text, mu_y) + 1e-10)))

    def scaled(e):
        z = mu_x + s * (e - mu_y)
        return z / np.linalg.norm(z, axis=1, keepdims=True)

    mu_z = mean(scaled(e) for *_, e in chunks(text)).astype(np.float32)
    for path, start, rows, e in chunks(text):
        z = scaled(e) - mu_z + mu_x
        z = (z / np.linalg.norm(z, axis=1, keepdims=True)).astype(np.float16)
        target = os.path.join(out, os.path.basename(path))
        if start == 0:
            output = np.lib.format.open_memmap(target, "w+", np.float16, (rows, z.shape[1]))
        output[start : start + len(z)] = z
    print(f"gap {np.linalg.norm(mu_x - mu_y):.6f} before, scale {s:.6f}")


if __name__ == "__main__":
    main(*sys.argv[1:4])

#!/usr/bin/env python3
"""Writes paper-like rows: two modalities of unit rows in f16, streamed, so that any count fits in memory.

Images have a spectrum k^-1.83 and texts k^-1.33 (the paper's exponents), a mean of about 0.38 and a gap of
about 0.43, in a basis that is turned by reflections so that no column is special. The same arguments give the same
bytes.

    make_rows.py OUT [--rows 100000] [--dim 1280] [--shard-rows 50000] [--pickle [--records 200000]]

writes OUT/image/image_0000.npy … and OUT/text/text_0000.npy …; with --pickle also OUT/image_pickle/*.pkl and
OUT/text_pickle/*.pkl in the published layout: a list of {id, image_path | caption, embed} per file.
"""

import argparse
import os
import pickle

import numpy as np

BLOCK = 2048
SIDES = {"image": (1.83, "image_path"), "text": (1.33, "caption")}


def reflections(dim, rng):
    axes = rng.standard_normal((3, dim)).astype(np.float32)
    return axes / np.linalg.norm(axes, axis=1, keepdims=True)


def means(dim, rng):
    """Two means of length 0.35 whose distance is 0.39."""
    a, b = np.linalg.qr(rng.standard_normal((dim, 2)))[0].T
    cosine = 1 - 0.39**2 / (2 * 0.35**2)
    return 0.35 * a, 0.35 * (cosine * a + np.sqrt(1 - cosine**2) * b)


def blocks(side, rows, dim):
    alpha = SIDES[side][0]
    shared = np.random.default_rng(7)
    axes = reflections(dim, shared)
    mean = means(dim, shared)[list(SIDES).index(side)].astype(np.float32)
    spectrum = np.arange(1, dim + 1) ** -alpha
    deviation = np.sqrt(spectrum / spectrum.sum() * (1 - 0.35**2)).astype(np.float32)
    rng = np.random.Generator(np.random.SFC64([11, list(SIDES).index(side)]))
    for first in range(0, rows, BLOCK):
        e = rng.standard_normal((min(BLOCK, rows - first), dim), dtype=np.float32) * deviation
        for axis in axes:
            e -= np.outer(2 * (e @ axis), axis)
        e += mean
        e /= np.linalg.norm(e, axis=1, keepdims=True)
        yield first, e.astype(np.float16)


def shards(side, rows, dim, size):
    """The same stream of rows cut every `size` rows: (first row, number of rows, the pieces)."""
    held, kept, start = [], 0, 0
    for _, block in blocks(side, rows, dim):
        while len(block):
            piece, block = block[: size - kept], block[size - kept :]
            held.append(piece)
            kept += len(piece)
            if kept == size:
                yield start, held
                start, held, kept = start + kept, [], 0
    if held:
        yield start, held


def write_npy(folder, side, rows, dim, size):
    os.makedirs(folder, exist_ok=True)
    file, index, left = None, 0, 0
    done = 0
    for _, block in blocks(side, rows, dim):
        while len(block):
            if left == 0:
                left = min(size, rows - done)
                file = open(os.path.join(folder, f"{side}_{index:04d}.npy"), "wb")
                header = {"descr": "<f2", "fortran_order": False, "shape": (left, dim)}
                np.lib.format.write_array_header_1_0(file, header)
                index += 1
            piece, block = block[:left], block[left:]
            file.write(piece.tobytes())
            left -= len(piece)
            done += len(piece)
            if left == 0:
                file.close()


def write_pickles(folder, side, rows, dim, records):
    os.makedirs(folder, exist_ok=True)
    key = SIDES[side][1]
    for index, (start, pieces) in enumerate(shards(side, rows, dim, records)):
        held = np.concatenate(pieces)
        payload = [
            {"id": f"{start + i:09d}", key: f"{key} of row {start + i}", "embed": held[i]} for i in range(len(held))
        ]
        with open(os.path.join(folder, f"{side}_embeds_{index + 1}.pkl"), "wb") as file:
            pickle.dump(payload, file, protocol=pickle.HIGHEST_PROTOCOL)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out")
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--dim", type=int, default=1280)
    parser.add_argument("--shard-rows", type=int, default=50_000)
    parser.add_argument("--pickle", action="store_true")
    parser.add_argument("--records", type=int, default=200_000)
    args = parser.parse_args()
    for side in SIDES:
        write_npy(os.path.join(args.out, side), side, args.rows, args.dim, args.shard_rows)
        if args.pickle:
            write_pickles(os.path.join(args.out, f"{side}_pickle"), side, args.rows, args.dim, args.records)


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""How similar the sides of a gap are, with NumPy and scikit-learn in f64: the straightforward way.

    metrics_numpy.py IMAGE TEXT [--sample 10000]

Histograms of cosines, uniformity, kernel alignment, and a logistic probe, cosines among a sample of rows. Blocks bound the memory.
Prints JSON.
"""

import argparse
import json
import os

import numpy as np

BLOCK = 4096


def blocks(folder):
    for name in sorted(os.listdir(folder)):
        rows = np.load(os.path.join(folder, name), mmap_mode="r")
        for first in range(0, len(rows), BLOCK):
            e = rows[first : first + BLOCK].astype(np.float64)
            yield e / np.linalg.norm(e, axis=1, keepdims=True)


def moments(source):
    n, total, products = 0, 0.0, 0.0
    for e in source:
        n += len(e)
        total = total + e.sum(axis=0)
        products = products + e.T @ e
    mean = total / n
    return mean, products / n - np.outer(mean, mean)


def similarity(image, text, sample):
    from sklearn.linear_model import LogisticRegression

    x, z = np.concatenate(list(blocks(image))), np.concatenate(list(blocks(text)))
    (_, sx), (_, sz) = moments([x]), moments([z])
    cross = (x - x.mean(axis=0)).T @ (z - z.mean(axis=0)) / len(x)
    part = lambda rows, first: rows[first :: 2 * max(1, len(rows) // sample)]
    labelled = lambda first: (
        np.vstack([part(x, first), part(z, first)]),
        np.repeat([0, 1], [len(part(x, first)), len(part(z, first))]),
    )
    probe = LogisticRegression(C=1.0, max_iter=10_000).fit(*labelled(0))
    few = np.sort(np.random.default_rng(0).choice(len(x), min(sample, len(x)), replace=False))
    a, b = x[few], z[few]
    counts = {name: np.zeros(200) for name in ("cross", "imageImage", "textText")}
    uniform = {"imageImage": 0.0, "textText": 0.0}
    for first in range(0, len(few), BLOCK):
        for name, queries, corpus in (("cross", a, b), ("imageImage", a, a), ("textText", b, b)):
            cosine = queries[first : first + BLOCK] @ corpus.T
            counts[name] += np.histogram(cosine, bins=200, range=(-1, 1))[0]
            if name in uniform:
                uniform[name] += np.exp(4 * cosine - 4).sum()
    pairs = len(few) * (len(few) - 1)
    return {
        "alignment": float(((x - z) ** 2).sum(axis=1).mean()),
        # a row with itself is not a pair
        "uniformity": {name: float(np.log((total - len(few)) / pairs)) for name, total in uniform.items()},
        "cka": float((cross**2).sum() / np.sqrt((sx**2).sum() * (sz**2).sum())),
        "separability": float(probe.score(*labelled(1))),
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("image")
    parser.add_argument("text")
    parser.add_argument("--sample", type=int, default=10_000)
    args = parser.parse_args()
    print(json.dumps(similarity(args.image, args.text, args.sample)))


if __name__ == "__main__":
    main()

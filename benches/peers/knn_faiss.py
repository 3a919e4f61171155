#!/usr/bin/env python3
"""The neighbour part of a measurement with faiss and NumPy: the same rows, the same questions, exact in f32.

    knn_faiss.py IMAGE TEXT [--sample 10000] [--threads N]

Above 20,000 rows a side a sample of rows asks, always against all rows, as the package does: 20 neighbours in the pool of
both sides (mixing), 10 among images, 10 among texts, 10 images for texts (hubness), and the rank of every asking row's
partner both ways (retrieval). Prints JSON.
"""

import argparse
import json
import os

import faiss
import numpy as np

BLOCK = 2048


def load(folder):
    files = sorted(os.path.join(folder, name) for name in os.listdir(folder))
    rows = np.concatenate([np.load(file) for file in files]).astype(np.float32)
    faiss.normalize_L2(rows)
    return rows


def others(found, own):
    """Neighbours without the row itself, which is the first unless it has a double."""
    kept = found != own[:, None]
    kept[kept.all(axis=1), -1] = False
    return found[kept].reshape(len(found), -1)


def skewness(values):
    centred = values - values.mean()
    return float((centred**3).mean() / (centred**2).mean() ** 1.5)


def ranks(queries, corpus, own):
    result = []
    for first in range(0, len(queries), BLOCK):
        cosine = queries[first : first + BLOCK] @ corpus.T
        partner = cosine[np.arange(len(cosine)), own[first : first + BLOCK]]
        result.append(1 + (cosine > partner[:, None]).sum(axis=1))
    return np.concatenate(result)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("image")
    parser.add_argument("text")
    parser.add_argument("--sample", type=int, default=10_000)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    args = parser.parse_args()
    faiss.omp_set_num_threads(args.threads)
    x, z = load(args.image), load(args.text)
    n = len(x)
    asking = np.arange(n)
    if n > 20_000:
        asking = np.sort(np.random.default_rng(0).choice(n, args.sample, replace=False))

    def index(*sides):
        flat = faiss.IndexFlatIP(x.shape[1])
        for rows in sides:
            flat.add(rows)
        return flat

    pool = index(x, z)
    images = others(pool.search(x[asking], 21)[1], asking) < n
    texts = others(pool.search(z[asking], 21)[1], asking + n) < n
    del pool
    onto_images, onto_texts = index(x), index(z)
    degrees = {
        "image": others(onto_images.search(x[asking], 11)[1], asking),
        "text": others(onto_texts.search(z[asking], 11)[1], asking),
        "textToImage": onto_images.search(z[asking], 10)[1],
    }
    del onto_images, onto_texts
    forth, back = ranks(z[asking], x, asking), ranks(x[asking], z, asking)
    report = {
        "mixing": float(((1 - images.mean()) + texts.mean()) / 2),
        "hubness": {name: skewness(np.bincount(found.ravel(), minlength=n)) for name, found in degrees.items()},
        "r1": {"textToImage": float((forth == 1).mean()), "imageToText": float((back == 1).mean())},
    }
    print(json.dumps(report))


if __name__ == "__main__":
    main()

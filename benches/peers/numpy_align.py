#!/usr/bin/env python3
"""ReAlign from npy f16 to npy f16: the fastest NumPy script we could write, as a peer for the benchmark.

    numpy_align.py IMAGE_DIR TEXT_DIR OUT_DIR

One pass over the images and three over the texts, in blocks that stay in the cache, on two threads (NumPy and BLAS
release the lock). With a = mu_x - s mu_y and unit rows the map needs two dot products and one fused write a row:
e' = (a + s e)/n, n^2 = |a|^2 + s^2 + 2 s a.e, and the result is e' + h scaled to length one, h = mu_x - E e'.
Trace = 1 - |mu|^2. Row norms and n are kept (8 bytes a text row). Halves are converted by shifts, several times
faster than NumPy's own cast where it has no vector code for it; infinities are not supported.
"""

import os
import sys
from concurrent.futures import ThreadPoolExecutor

os.environ.update(OPENBLAS_NUM_THREADS="1", MKL_NUM_THREADS="1", OMP_NUM_THREADS="1")

import numpy as np

THREADS = 2
ROWS = 128
SCALE_UP = np.float32(2.0**112)
SCALE_DOWN = np.float32(2.0**-112)
MAGNITUDE = np.int32(np.uint32(0x8FFFE000).view(np.int32))


class Shard:
    """An npy file of f16 rows, read by position."""

    def __init__(self, path, first):
        self.path, self.first = path, first
        with open(path, "rb") as file:
            version = np.lib.format.read_magic(file)
            read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
            (self.rows, self.dim), fortran, dtype = read(file)
            assert dtype == np.dtype("<f2") and not fortran, path
            self.offset = file.tell()
        self.fd = os.open(path, os.O_RDONLY)


def shards(folder):
    found, first = [], 0
    for name in sorted(os.listdir(folder)):
        if name.endswith(".npy"):
            found.append(Shard(os.path.join(folder, name), first))
            first += found[-1].rows
    return found, first


def pieces(found):
    """(shard, start, end) of a few hundred blocks each, dealt to the threads by turns."""
    size = ROWS * 64
    every = [(s, i, min(i + size, s.rows)) for s in found for i in range(0, s.rows, size)]
    return [every[t::THREADS] for t in range(THREADS)]


class Reader:
    """Blocks of f32 rows in buffers that are used again."""

    def __init__(self, dim):
        self.half = np.empty((ROWS, dim), np.float16)
        self.single = np.empty((ROWS, dim), np.float32)

    def blocks(self, work):
        dim = self.half.shape[1]
        for shard, start, end in work:
            for i in range(start, end, ROWS):
                n = min(ROWS, end - i)
                half, single = self.half[:n], self.single[:n]
                if os.preadv(shard.fd, [half], shard.offset + i * dim * 2) != half.nbytes:
                    raise EOFError(shard.path)
                bits = single.view(np.int32)
                np.left_shift(half.view(np.int16), 13, out=bits, dtype=np.int32, casting="unsafe")
                np.bitwise_and(bits, MAGNITUDE, out=bits)
                np.multiply(single, SCALE_UP, out=single)
                yield shard, i, single


def to_half(single, half, scratch):
    """Rounds to nearest, ties to even; `single` is used up."""
    np.multiply(single, SCALE_DOWN, out=single)
    bits = single.view(np.int32)
    sign = scratch[: len(single)]
    np.right_shift(bits, 16, out=sign)
    np.bitwise_and(sign, -32768, out=sign)
    np.bitwise_and(bits, 0x7FFFFFFF, out=bits)
    odd = bits >> 13
    np.bitwise_and(odd, 1, out=odd)
    np.add(bits, odd, out=bits)
    np.add(bits, 0xFFF, out=bits)
    np.right_shift(bits, 13, out=bits)
    np.bitwise_or(bits, sign, out=bits)
    np.copyto(half.view(np.int16), bits, casting="unsafe")


def mean(pool, found, rows, inverse):
    dim = found[0].dim

    def part(work):
        total = np.zeros(dim)
        for shard, i, e in Reader(dim).blocks(work):
            weight = 1 / np.sqrt(np.einsum("ij,ij->i", e, e))
            if inverse is not None:
                inverse[shard.first + i : shard.first + i + len(e)] = weight
            total += weight @ e
        return total

    return sum(pool.map(part, pieces(found))) / rows


def centroid(pool, found, rows, inverse, length, a, s):
    """E e', and the length n of every row before the sphere."""
    dim = found[0].dim
    single, base = a.astype(np.float32), a @ a + s * s

    def part(work):
        total, constant = np.zeros(dim), 0.0
        for shard, i, e in Reader(dim).blocks(work):
            at = slice(shard.first + i, shard.first + i + len(e))
            n = np.sqrt(base + 2 * s * (e @ single) * inverse[at]).astype(np.float32)
            length[at] = n
            total += (inverse[at] / n) @ e
            constant += (1 / n).sum(dtype=np.float64)
        return s * total + a * constant

    return sum(pool.map(part, pieces(found))) / rows


def write(pool, found, folder, inverse, length, a, h, s):
    dim = found[0].dim
    rows = np.stack([a, h]).astype(np.float32)
    single, hh, ha = h.astype(np.float32), h @ h, h @ a
    outputs = {}
    for shard in found:
        path = os.path.join(folder, os.path.basename(shard.path))
        with open(path, "wb") as file:
            header = {"descr": "<f2", "fortran_order": False, "shape": (shard.rows, dim)}
            np.lib.format.write_array_header_1_0(file, header)
            outputs[shard] = (os.open(path, os.O_WRONLY), file.tell())

    def part(work):
        half, offset = np.empty((ROWS, dim), np.float16), np.empty((ROWS, dim), np.float32)
        scratch = np.empty((ROWS, dim), np.int32)
        for shard, i, e in Reader(dim).blocks(work):
            at = slice(shard.first + i, shard.first + i + len(e))
            n, w = length[at], inverse[at]
            m = np.sqrt(1 + hh + 2 * (ha + s * (e @ single) * w) / n).astype(np.float32)
            np.matmul(np.stack([1 / (n * m), 1 / m], axis=1), rows, out=offset[: len(e)])
            np.multiply(e, (s * w / (n * m)).astype(np.float32)[:, None], out=e)
            np.add(e, offset[: len(e)], out=e)
            to_half(e, half[: len(e)], scratch)
            fd, start = outputs[shard]
            os.pwrite(fd, half[: len(e)], start + i * dim * 2)

    list(pool.map(part, pieces(found)))
    for fd, _ in outputs.values():
        os.close(fd)


def main(image, text, out):
    os.makedirs(out, exist_ok=True)
    (images, n), (texts, m) = shards(image), shards(text)
    inverse, length = np.empty(m, np.float32), np.empty(m, np.float32)
    with ThreadPoolExecutor(THREADS) as pool:
        mx, my = mean(pool, images, n, None), mean(pool, texts, m, inverse)
        s = np.sqrt((1 - mx @ mx) / (1 - my @ my + 1e-10))
        a = mx - s * my
        h = mx - centroid(pool, texts, m, inverse, length, a, s)
        write(pool, texts, out, inverse, length, a, h, s)
    print(f"gap {np.linalg.norm(mx - my):.6f} before, scale {s:.6f}")


if __name__ == "__main__":
    main(*sys.argv[1:4])

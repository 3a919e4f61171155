"""A PyTorch twin of a ReVision step, for its time: a projector before a frozen model of SmolLM2-135M's shape.

python revision_torch.py [--dtype bf16|f32] [--steps 10] [--threads 2] prints one JSON line. Weights are random; a step's
time does not depend on them. The keys and values of the constant beginning are computed once, as in the Rust side:
cargo run --release --workspace --exclude modality-gap-node --example revision_step
Attention is explicit: PyTorch's flash attention is slow on the way back at such lengths. Logits are computed for labelled
positions only.
"""

import argparse
import json
import resource
import time

import torch
import torch.nn.functional as F

SAMPLES, PROMPT, SOFT, CAPTION = 16, 40, 4, 14
VOCAB, HIDDEN, INNER, LAYERS, HEADS, KV, WIDTH, DIM = 49152, 576, 1536, 30, 9, 3, 64, 192


class Norm(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.ones(HIDDEN), requires_grad=False)

    def forward(self, x):
        wide = x.float()
        return (wide * torch.rsqrt(wide.pow(2).mean(-1, keepdim=True) + 1e-5)).to(x.dtype) * self.weight


def linear(out, inner):
    layer = torch.nn.Linear(inner, out, bias=False)
    layer.weight.requires_grad_(False)
    torch.nn.init.normal_(layer.weight, std=0.02)
    return layer


def turned(x, cos, sin):
    low, high = x.chunk(2, -1)
    return x * cos + torch.cat((-high, low), -1) * sin


class Block(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.norm1, self.norm2 = Norm(), Norm()
        self.q, self.k, self.v = linear(HEADS * WIDTH, HIDDEN), linear(KV * WIDTH, HIDDEN), linear(KV * WIDTH, HIDDEN)
        self.o = linear(HIDDEN, HEADS * WIDTH)
        self.gate, self.up, self.down = linear(INNER, HIDDEN), linear(INNER, HIDDEN), linear(HIDDEN, INNER)

    def forward(self, x, cos, sin, mask, past):
        n, s, _ = x.shape
        h = self.norm1(x)
        q = turned(self.q(h).view(n, s, HEADS, WIDTH).transpose(1, 2), cos, sin)
        k = turned(self.k(h).view(n, s, KV, WIDTH).transpose(1, 2), cos, sin)
        v = self.v(h).view(n, s, KV, WIDTH).transpose(1, 2)
        present = (k, v)
        if past is not None:
            k = torch.cat((past[0].expand(n, -1, -1, -1), k), 2)
            v = torch.cat((past[1].expand(n, -1, -1, -1), v), 2)
        k, v = k.repeat_interleave(HEADS // KV, 1), v.repeat_interleave(HEADS // KV, 1)
        scores = q @ k.transpose(-1, -2) * WIDTH**-0.5 + mask
        mixed = F.softmax(scores, -1, dtype=torch.float32).to(x.dtype) @ v
        x = x + self.o(mixed.transpose(1, 2).reshape(n, s, HEADS * WIDTH))
        h = self.norm2(x)
        return x + self.down(F.silu(self.gate(h)) * self.up(h)), present


class Model(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding = torch.nn.Embedding(VOCAB, HIDDEN)
        self.embedding.weight.requires_grad_(False)
        self.blocks = torch.nn.ModuleList(Block() for _ in range(LAYERS))
        self.norm = Norm()

    def run(self, x, past=None):
        before = 0 if past is None else past[0][0].shape[2]
        s = x.shape[1]
        angles = torch.outer(torch.arange(before, before + s), 100000.0 ** (-torch.arange(WIDTH // 2) / (WIDTH // 2)))
        cos, sin = (torch.cat((f(angles), f(angles)), -1).to(x.dtype) for f in (torch.cos, torch.sin))
        mask = torch.full((s, before + s), float("-inf")).triu(before + 1).to(x.dtype)
        present = []
        for i, block in enumerate(self.blocks):
            x, pair = block(x, cos, sin, mask, None if past is None else past[i])
            present.append(pair)
        return x, present


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--dtype", default="bf16", choices=["bf16", "f32"])
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    dtype = torch.bfloat16 if options.dtype == "bf16" else torch.float32
    model = Model().to(dtype)
    projector = torch.nn.Sequential(
        torch.nn.Linear(DIM, HIDDEN), torch.nn.GELU(), torch.nn.Linear(HIDDEN, HIDDEN * SOFT)
    )
    with torch.no_grad():
        _, past = model.run(model.embedding(torch.arange(PROMPT))[None])
    images = torch.randn(SAMPLES, DIM)
    captions = torch.arange(SAMPLES)[:, None] * 977 + torch.arange(CAPTION) * 31
    times = []
    for _ in range(options.steps + 1):
        start = time.perf_counter()
        soft = projector(images).view(SAMPLES, SOFT, HIDDEN).to(dtype)
        x = torch.cat((soft, model.embedding(captions)), 1)
        x, _ = model.run(x, past)
        hidden = model.norm(x[:, SOFT - 1 : -1]).reshape(-1, HIDDEN)
        logits = hidden @ model.embedding.weight.T
        loss = F.cross_entropy(logits.float(), captions.reshape(-1))
        projector.zero_grad()
        loss.backward()
        times.append(time.perf_counter() - start)
    median = sorted(times[1:])[len(times[1:]) // 2]
    rows = SAMPLES * (SOFT + CAPTION)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    print(json.dumps({"seconds": round(median, 4), "rows": rows, "tokensPerSecond": round(rows / median), "peakMegabytes": peak}))


if __name__ == "__main__":
    main()

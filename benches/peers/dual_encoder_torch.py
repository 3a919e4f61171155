"""A PyTorch twin of the dual encoder, for the time of a step: same shapes, same batch, AdamW, f32.

python dual_encoder_torch.py [--steps 20] [--threads 2] prints one JSON line. Inputs are random; a step's time does not
depend on them. The Rust side: crates/encoder/examples/step_time.rs; both in one run: npm run bench -- --only train
"""

import argparse
import json
import time

import torch
import torch.nn.functional as F
from torch import nn

DIM, PATCHES, PATCH_VALUES, TOKENS, WORDS, BATCH = 192, 16, 192, 12, 4000, 256


class Block(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.up, self.down = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def forward(self, x, mask):
        n, s, d = x.shape
        q, k, v = self.qkv(self.norm1(x)).view(n, s, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        mixed = F.scaled_dot_product_attention(q, k, v, attn_mask=mask)
        x = x + self.out(mixed.transpose(1, 2).reshape(n, s, d))
        return x + self.down(F.gelu(self.up(self.norm2(x))))


class Tower(nn.Module):
    def __init__(self, first, width, layers, heads, tokens):
        super().__init__()
        self.first, self.norm = first, nn.LayerNorm(width)
        self.positions = nn.Parameter(torch.randn(tokens, width) * 0.1)
        self.blocks = nn.ModuleList(Block(width, heads) for _ in range(layers))
        self.projection = nn.Linear(width, DIM, bias=False)

    def forward(self, x, lengths=None):
        x = self.first(x) + self.positions
        mask = None
        if lengths is not None:
            seen = torch.arange(x.shape[1])[None] < lengths[:, None]
            mask = seen[:, None, None, :]
        for block in self.blocks:
            x = block(x, mask)
        x = self.norm(x)
        x = x.mean(1) if lengths is None else (x * seen[..., None]).sum(1) / lengths[:, None]
        return F.normalize(self.projection(x), dim=1)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    image = Tower(nn.Linear(PATCH_VALUES, 128), 128, 3, 4, PATCHES)
    text = Tower(nn.Embedding(WORDS, 128), 128, 2, 4, TOKENS)
    scale = nn.Parameter(torch.tensor(4.6052))
    params = [*image.parameters(), *text.parameters(), scale]
    optimizer = torch.optim.AdamW(params, lr=1e-3, betas=(0.9, 0.98), eps=1e-6, weight_decay=0.1)
    pixels = torch.randn(BATCH, PATCHES, PATCH_VALUES)
    ids = torch.randint(0, WORDS, (BATCH, TOKENS))
    lengths = torch.randint(4, TOKENS + 1, (BATCH,))
    target = torch.arange(BATCH)
    seconds = []
    for _ in range(options.steps):
        started = time.perf_counter()
        x, z = image(pixels), text(ids, lengths)
        logits = scale.exp() * x @ z.T
        loss = (F.cross_entropy(logits, target) + F.cross_entropy(logits.T, target)) / 2
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(params, 1.0)
        optimizer.step()
        seconds.append(time.perf_counter() - started)
    seconds.sort()
    print(json.dumps({"peer": "torch", "version": torch.__version__, "threads": options.threads,
                      "median": seconds[len(seconds) // 2], "best": seconds[0]}))


if __name__ == "__main__":
    main()

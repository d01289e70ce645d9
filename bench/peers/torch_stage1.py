"""The peer of stage 1: a plain PyTorch loop over activations in memory.

Usage: torch_stage1.py FOLDER ROWS THREADS
The folder holds activations.f16 (float16 rows) and sae_weights.safetensors (a jumprelu SAE). For every batch: dense encode
in float32, a running top 20 of each feature, its count and its sum. Prints one JSON document: {"seconds", "batch"}: of the
best batch size.
"""

import json
import sys
import time

import numpy
import torch
from safetensors.torch import load_file

folder, rows, threads = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
torch.set_num_threads(threads)
sae = load_file(f"{folder}/sae_weights.safetensors")
width, features = sae["W_enc"].shape
activations = torch.from_numpy(numpy.fromfile(f"{folder}/activations.f16", dtype=numpy.float16).reshape(rows, width))
TOP = 20


@torch.no_grad()
def loop(batch: int) -> float:
    start = time.perf_counter()
    top = torch.zeros(TOP, features)
    where = torch.zeros(TOP, features, dtype=torch.int64)
    count = torch.zeros(features, dtype=torch.int64)
    total = torch.zeros(features)
    for first in range(0, rows, batch):
        x = activations[first : first + batch].float() - sae["b_dec"]
        pre = x @ sae["W_enc"] + sae["b_enc"]
        fires = pre > sae["threshold"]
        values = torch.where(fires, pre, torch.zeros(()))
        count += fires.sum(0)
        total += values.sum(0)
        best, index = values.topk(min(TOP, values.shape[0]), dim=0)
        both = torch.cat([top, best])
        top, chosen = both.topk(TOP, dim=0)
        where = torch.cat([where, index + first]).gather(0, chosen)
    return time.perf_counter() - start


batches = [256, 512, 1024]
rows, whole = min(rows, 8192), rows
tried = {batch: loop(batch) for batch in batches}
rows = whole
batch = min(tried, key=tried.get)
print(json.dumps({"seconds": loop(batch), "batch": batch}))

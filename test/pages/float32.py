"""Shortest decimals of float32 numbers as numpy prints them: python test/pages/float32.py > test/pages/float32.json"""

import json

import numpy as np

random = np.random.default_rng(1)
powers = [np.float32(2.0) ** e for e in range(-149, 128)]
edges = (np.arange(0x3E8, 0x440, dtype=np.uint32) << 20).view(np.float32)
some = random.integers(1, 0x7F800000, 400, dtype=np.uint32).view(np.float32)
usual = (random.random(200, dtype=np.float32) * 30).astype(np.float32)
numbers = [np.float32(v) for v in [*powers, *edges, *some, *usual, -1.1, 0]]
print(json.dumps([[int(v.view(np.uint32)), np.format_float_scientific(v, unique=True)] for v in numbers]))

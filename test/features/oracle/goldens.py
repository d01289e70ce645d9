"""Prints goldens.json: row hashes by hashlib and xxhash, shortest decimals of float32 by numpy (pip install numpy xxhash)."""
import hashlib
import json
import random
import struct

import numpy
import xxhash


def row_hash(seed, feature, row):
    key = hashlib.sha256(b"riffle-visualize/1\0" + seed.encode()).digest()
    return xxhash.xxh3_64_hexdigest(struct.pack("<IQ", feature, row), seed=int.from_bytes(key[:8], "little"))


def shortest(bits):
    return str(numpy.uint32(bits).view(numpy.float32))


hashes = [
    {"seed": seed, "feature": feature, "row": row, "hash": row_hash(seed, feature, row)}
    for seed in ("riffle", "x", "Größe 2")
    for feature, row in [(0, 0), (0, 1), (1, 0), (2303, 8191), (2**32 - 1, 2**40 + 7), (5, 2**53 - 1)]
]
draw = random.Random(1)
bits = [1, 2, 3, 0x7FFFFF, 0x7F7FFFFF, 0x3DCCCCCD, 0x3F800001]
bits += [exponent << 23 for exponent in range(1, 255)]
bits += [draw.randrange(1, 0x7F800000) for _ in range(300)]
order = {feature: " ".join(map(str, sorted(range(10), key=lambda row: row_hash("riffle", feature, row)))) for feature in range(2)}
print(json.dumps({"hashes": hashes, "order": order, "shortest": {number: shortest(number) for number in bits}}, indent=2))

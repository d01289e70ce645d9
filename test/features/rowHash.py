"""Prints rowHash.json: row hashes (docs/formats.md, "Row hash") by xxHash itself (pip install xxhash)."""
import hashlib
import json
import struct
import xxhash

vectors = []
for seed in ("riffle", "", "Zufälle", "seed 2"):
    key = int.from_bytes(hashlib.sha256(b"riffle-visualize/1\0" + seed.encode()).digest()[:8], "little")
    for feature in (0, 1, 123, 2**31, 2**32 - 1):
        for row in (0, 1, 90211, 2**32 - 1, 2**32, 2**40 + 7, 2**48 - 1):
            digest = xxhash.xxh3_64_hexdigest(struct.pack("<IQ", feature, row), seed=key)
            vectors.append({"seed": seed, "key": f"{key:016x}", "feature": feature, "row": row, "hash": digest})
print(json.dumps(vectors, indent=2))

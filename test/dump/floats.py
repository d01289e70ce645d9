"""Makes floats.json beside it: python test/dump/floats.py (numpy, safetensors)."""

import hashlib
import json
import math
from pathlib import Path

import numpy
from safetensors.numpy import load_file

here = Path(__file__).parent
patterns = numpy.arange(65536, dtype="<u2")


def digest(floats):
    floats = numpy.where(numpy.isnan(floats), numpy.float32("nan"), floats).astype("<f4")
    return hashlib.sha256(floats.tobytes()).hexdigest()


def norm(row):
    total = 0.0
    for value in row:
        total += float(value) * float(value)
    return math.sqrt(total)


sample = load_file(here / "../../examples/dump/00001.safetensors")["activations"]
widened = sample.astype("<f4")
truncated = (widened.view("<u4") & 0xFFFF0000).view("<f4")
(here / "floats.json").write_text(
    json.dumps(
        {
            "sha256": {
                "F16": digest(patterns.view("<f2").astype("<f4")),
                "BF16": digest((patterns.astype("<u4") << 16).view("<f4")),
            },
            "norms": {
                "F16": [norm(row) for row in sample[:300]],
                "BF16": [norm(row) for row in truncated[:300]],
                "F32": [norm(row) for row in widened[:300] * numpy.float32(1.1)],
            },
        },
        indent=2,
    )
    + "\n"
)

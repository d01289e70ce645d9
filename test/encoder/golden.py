"""Writes golden.json: what encoders of all kinds make of pseudo-random rows, computed with numpy in float64: row:feature:value.

Run: python golden.py > golden.json (needs numpy). The inputs come from a generator that is simple enough to have twice:
test/encoder/encoder.test.ts has it as well.
"""
import json
import numpy as np

D, F, ROWS, K = 20, 24, 6, 6


def noise(length, seed):
    """Multiples of 1/64 in [-1, 1): exact in float16, bfloat16 and float32."""
    values, state = [], seed
    for _ in range(length):
        state = (state * 1664525 + 1013904223) % 2**32
        values.append((state >> 25) / 64 - 1)
    return np.array(values)


def normalized(x, normalization):
    if normalization == "none":
        return x
    if normalization == "constantNorm":
        norm = np.linalg.norm(x, axis=1, keepdims=True)
        return np.where(norm > 0, x * np.sqrt(D) / np.where(norm > 0, norm, 1), 0)
    return (x - x.mean(1, keepdims=True)) / (x.std(1, ddof=1, keepdims=True) + 1e-5)


def largest(p, kept):
    """The `kept` largest of each row, of equal ones the first, and how far from the next (or from 0) they are."""
    order = np.argsort(-p, axis=1, kind="stable")
    a = np.zeros_like(p)
    np.put_along_axis(a, order[:, :kept], np.maximum(np.take_along_axis(p, order[:, :kept], 1), 0), 1)
    ordered = np.take_along_axis(p, order, 1)
    return a, np.minimum(np.abs(p).min(1), ordered[:, kept - 1] - ordered[:, kept])[:, None]


def encode(case):
    x = noise(ROWS * D, 1).reshape(ROWS, D) * 4
    x[4] = 0
    encoder = noise(F * D, 2).reshape(F, D)
    bias, threshold = noise(F, 3) / 2, noise(F, 4)
    scale, magnitude_bias, norms = noise(F, 5) / 4 + 1, noise(F, 6) / 2, noise(F, 7) / 4 + 1
    z = case["inputScale"] * normalized(x, case["normalization"])
    if case["inputBias"]:
        z = z - noise(D, 8)
    dot = z @ encoder.T
    p = dot + bias
    match case["architecture"]:
        case "standard":
            a, margin = np.where(p > 0, p, 0), np.abs(p)
        case "jumprelu":
            bound = np.maximum(threshold, 0)
            a, margin = np.where(p > bound, p, 0), np.abs(p - bound)
        case "gated":
            q = scale * dot + magnitude_bias
            a, margin = np.where((p > 0) & (q > 0), q, 0), np.minimum(np.abs(p), np.abs(q))
        case "topk":
            p = p * norms if case["rescaleByDecoderNorm"] else p
            a, margin = largest(p, K)
        case "groupmax":
            a, margin = largest(p.reshape(ROWS * K, F // K), 1)
            a, margin = a.reshape(ROWS, F), np.minimum(margin.reshape(ROWS, K).min(1, keepdims=True), np.abs(p))
    # No decision may hang on the last bits. Where the margin is 0 all numbers are exact in float32.
    assert np.all((margin > 1e-5) | (margin == 0)), case
    rows, features = np.nonzero(a)
    return " ".join(f"{r}:{f}:{a[r, f]:.9g}" for r, f in zip(rows, features))


cases = [
    {
        "architecture": architecture,
        "normalization": normalization,
        "inputScale": scale,
        "inputBias": input_bias,
        "rescaleByDecoderNorm": rescale,
    }
    for architecture in ["standard", "jumprelu", "gated", "topk", "groupmax"]
    for normalization in ["none", "constantNorm", "layerNorm"]
    for scale, input_bias, rescale in [(1, True, False), (0.375, False, architecture == "topk")]
]
print(json.dumps([{**case, "firings": encode(case)} for case in cases], indent=2))

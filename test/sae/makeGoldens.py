"""Small sparse autoencoders of every kind that src/sae reads, and their activations, computed by other means.

Writes goldens.json beside this file. Needs numpy:  python test/sae/makeGoldens.py
Weights are drawn, stored in the dtype of the case and read back; activations follow the authors' own code (SAELens
6.54.12, sparsify 1.3.3, Language-Model-SAEs of late 2024) in float64, in its order of steps and with its folds, so not by
riffle's canonical formula. Rows whose activations hang on the last bits are drawn again.
"""

import base64
import io
import json
import pathlib

import numpy as np

D, F, ROWS = 6, 20, 7
NAMES = {"F16": "float16", "BF16": "bfloat16", "F32": "float32", "F64": "float64"}
MARGIN = 1e-3

rng = np.random.default_rng(20261123)
cases = []


def stored(array, dtype):
    """The bytes of an array in a dtype, and its values as stored there, in float64."""
    if dtype == "BF16":
        bits = np.ascontiguousarray(array, "<f4").view("<u4")
        high = ((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16).astype("<u2")
        return high.tobytes(), (high.astype("<u4") << 16).view("<f4").astype(np.float64)
    array = np.ascontiguousarray(array, {"F16": "<f2", "F32": "<f4", "F64": "<f8"}[dtype])
    return array.tobytes(), array.astype(np.float64)


def safetensors(tensors, dtype):
    header, data, values = {}, b"", {}
    for name, array in tensors.items():
        part, values[name] = stored(array, dtype)
        span = [len(data), len(data) + len(part)]
        header[name] = {"dtype": dtype, "shape": list(array.shape), "data_offsets": span}
        data += part
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text + data, values


def npz(tensors, dtype):
    values = {name: stored(array, dtype)[1] for name, array in tensors.items()}
    buffer = io.BytesIO()
    np.savez(buffer, **{name: v.astype({"F16": "<f2", "F32": "<f4", "F64": "<f8"}[dtype]) for name, v in values.items()})
    return buffer.getvalue(), values


def normal(*shape, scale=1.0):
    return rng.normal(scale=scale, size=shape)


def weights(d=D, out=D, **vectors):
    return {
        "W_enc": normal(d, F),
        "W_dec": normal(F, out) * rng.uniform(0.3, 2.5, size=(F, 1)),
        "b_dec": normal(out, scale=0.5),
        **vectors,
    }


def relu(x):
    return np.maximum(x, 0)


def top_k(p, k):
    order = np.argsort(-p, axis=1, kind="stable")[:, :k]
    kept = np.zeros_like(p)
    np.put_along_axis(kept, order, np.take_along_axis(p, order, axis=1), axis=1)
    return relu(kept)


def add(name, objects, encode, expected, d=D, location="", options=None):
    """`encode(x)` gives activations, and the margins by which comparisons were decided."""
    while True:
        x = normal(ROWS, d, scale=2.0).astype(np.float32)
        activations, margins = encode(x.astype(np.float64))
        if min(np.abs(m).min() for m in margins) > MARGIN and np.any(activations > 0):
            break
    cases.append(
        {
            "name": name,
            "objects": {key: base64.b64encode(data).decode() for key, data in objects.items()},
            "location": location,
            "options": options or {},
            "description": expected,
            "rows": x.tolist(),
            "activations": activations.tolist(),
        }
    )


def top_margins(p, k):
    ordered = -np.sort(-p, axis=1)
    return [ordered[:, k - 1] - ordered[:, k], p]


# SAELens: sae_lens/saes/{sae,standard_sae,gated_sae,jumprelu_sae,topk_sae,transcoder}.py


def normalized(x, how):
    if how == "constant_norm_rescale":
        return x * (x.shape[1] ** 0.5 / np.linalg.norm(x, axis=1, keepdims=True))
    if how == "layer_norm":
        x = x - x.mean(axis=1, keepdims=True)
        return x / (x.std(axis=1, ddof=1, keepdims=True) + 1e-5)
    return x


def saelens_encode(architecture, w, how="none", subtract=True, k=None, rescale=False):
    def encode(x):
        x = normalized(x, how)
        if subtract:
            x = x - w["b_dec"]
        if architecture == "gated":
            gate = x @ w["W_enc"] + w["b_gate"]
            magnitude = x @ (w["W_enc"] * np.exp(w["r_mag"])) + w["b_mag"]
            return (gate > 0) * relu(magnitude), [gate, magnitude]
        p = x @ w["W_enc"] + w["b_enc"]
        if architecture == "jumprelu":
            return relu(p) * (p > w["threshold"]), [p, p - w["threshold"]]
        if architecture == "topk":
            if rescale:
                p = p * np.linalg.norm(w["W_dec"], axis=1)
            return top_k(p, k), top_margins(p, k)
        return relu(p), [p]

    return encode


def vectors_of(architecture):
    if architecture == "gated":
        return {name: normal(F, scale=0.5) for name in ("b_gate", "r_mag", "b_mag")}
    if architecture == "jumprelu":
        return {"b_enc": normal(F, scale=0.5), "threshold": rng.uniform(-0.5, 3, size=F)}
    return {"b_enc": normal(F, scale=0.5)}


def nested(architecture, dtype, **more):
    return {
        "d_in": D,
        "d_sae": F,
        "dtype": NAMES[dtype],
        "device": "cpu",
        "apply_b_dec_to_input": True,
        "normalize_activations": "none",
        "reshape_activations": "none",
        "metadata": {"sae_lens_version": "6.54.12", "model_name": "gpt2", "hook_name": "blocks.1.hook_resid_pre", "x": [1]},
        "architecture": architecture,
        **more,
    }


def saelens(name, config, dtype, encode_options, expected, extra=None, options=None, out=D):
    architecture = expected["architecture"]
    tensors = {**weights(out=out, **vectors_of(architecture)), **(extra or {})}
    data, w = safetensors(tensors, dtype)
    objects = {"cfg.json": json.dumps(config).encode(), "sae_weights.safetensors": data}
    description = {"format": "saelens", "inputWidth": D, "outputWidth": out, "features": F, **expected}
    scale = (options or {}).get("inputScale")
    if scale:  # fold_activation_norm_scaling_factor
        w = {**w, "W_enc": w["W_enc"] * scale, "W_dec": w["W_dec"] / scale, "b_dec": w["b_dec"] / scale}
    add(name, objects, saelens_encode(architecture, w, **encode_options), description, options=options)


for architecture, dtype in [("standard", "F32"), ("gated", "BF16"), ("jumprelu", "F16"), ("topk", "F64")]:
    more = {"k": 4, "rescale_acts_by_decoder_norm": False} if architecture == "topk" else {}
    saelens(
        f"SAELens 6 {architecture} {dtype}",
        nested(architecture, dtype, **more),
        dtype,
        {"k": 4},
        {"architecture": architecture, "subtractDecoderBias": True, **({"k": 4} if architecture == "topk" else {})},
    )
saelens(
    "SAELens 6 gated in float32 without subtraction",
    nested("gated", "F32", apply_b_dec_to_input=False),
    "F32",
    {"subtract": False},
    {"architecture": "gated", "subtractDecoderBias": False},
)
saelens(
    "SAELens 6 topk rescaled by decoder norms",
    nested("topk", "F32", k=5, rescale_acts_by_decoder_norm=True),
    "F32",
    {"k": 5, "rescale": True},
    {"architecture": "topk", "k": 5, "rescaleByDecoderNorm": True},
)
for how, normalization in [("constant_norm_rescale", "constantNorm"), ("layer_norm", "layerNorm")]:
    saelens(
        f"SAELens 6 jumprelu with {how}",
        nested("jumprelu", "F32", normalize_activations=how),
        "F32",
        {"how": how},
        {"architecture": "jumprelu", "normalization": normalization},
    )
saelens(
    "SAELens 6 standard with a scale that is given",
    nested("standard", "F32", normalize_activations="expected_average_only_in"),
    "F32",
    {},
    {"architecture": "standard", "normalization": "none", "inputScale": 0.75, "outputScale": 0.75},
    options={"inputScale": 0.75},
)
for architecture, own in [
    ("transcoder", "standard"),
    ("skip_transcoder", "standard"),
    ("jumprelu_transcoder", "jumprelu"),
    ("jumprelu_skip_transcoder", "jumprelu"),
]:
    saelens(
        f"SAELens 6 {architecture}",
        nested(architecture, "F32", apply_b_dec_to_input=False, d_out=4),
        "F32",
        {"subtract": False},
        {"architecture": own, "subtractDecoderBias": False},
        extra={"W_skip": normal(4, D)} if "skip" in architecture else None,
        out=4,
    )

saelens(
    "SAELens 6 transcoder that leaves out what it does not subtract",
    nested("transcoder", "F32", apply_b_dec_to_input=None, d_out=4),
    "F32",
    {"subtract": False},
    {"architecture": "standard", "subtractDecoderBias": False},
    out=4,
)

legacy = {
    "d_in": D,
    "d_sae": F,
    "dtype": "torch.float32",
    "device": "cuda",
    "model_name": "gpt2-small",
    "hook_point": "blocks.8.attn.hook_z",
    "hook_point_layer": 8,
    "hook_point_head_index": None,
    "dataset_path": "Skylion007/openwebtext",
    "context_size": 128,
    "prepend_bos": True,
    "lr": 0.0004,
    "l1_coefficient": 8e-05,
    "noise_scale": 0.0,
    "use_ghost_grads": True,
}
saelens(
    "SAELens 1 standard, flat, with a scaling factor of ones",
    {**legacy, "activation_fn": "relu", "normalize_activations": False},
    "F32",
    {},
    {"architecture": "standard", "subtractDecoderBias": True},
    extra={"scaling_factor": np.ones(F)},
)
saelens(
    "SAELens 4 topk as an activation function, flat",
    {
        **legacy,
        "architecture": "standard",
        "activation_fn_str": "topk",
        "activation_fn_kwargs": {"k": 3},
        "apply_b_dec_to_input": False,
        "finetuning_scaling_factor": False,
        "normalize_activations": "none",
    },
    "F32",
    {"k": 3, "subtract": False},
    {"architecture": "topk", "k": 3, "rescaleByDecoderNorm": False, "subtractDecoderBias": False},
)
saelens(
    "SAELens 5 jumprelu, flat, of scaled activations (true)",
    {**legacy, "architecture": "jumprelu", "activation_fn_str": "relu", "activation_fn_kwargs": {}, "normalize_activations": True},
    "F16",
    {},
    {"architecture": "jumprelu", "inputScale": 1.5},
    options={"inputScale": 1.5},
)

# Gemma Scope: params.npz, sae_lens gemma_2_sae_huggingface_loader


def gemma(name, location, dtype, out=D, rename=False, key=None, embedding=False):
    tensors = weights(out=out, **vectors_of("jumprelu"))
    data, w = npz({("w" + n[1:] if rename and n[0] == "W" else n): v for n, v in tensors.items()}, dtype)
    w = {("W" + n[1:] if n[0] == "w" else n): v for n, v in w.items()}
    if embedding:
        w = {**w, "W_enc": w["W_enc"] / np.sqrt(D), "W_dec": w["W_dec"] * np.sqrt(D)}
    scale = 1 / D**0.5 if embedding else 1
    expected = {
        "format": "gemma-scope",
        "architecture": "jumprelu",
        "inputWidth": D,
        "outputWidth": out,
        "features": F,
        "subtractDecoderBias": False,
        "inputScale": scale,
        "outputScale": scale,
    }
    add(name, {key or "params.npz": data}, saelens_encode("jumprelu", w, subtract=False), expected, location=location)


gemma("Gemma Scope", "params.npz", "F32")
gemma("Gemma Scope, by its folder, in float64", "", "F64")
gemma("Gemma Scope transcoder with lower-case names", "params.npz", "F16", out=3, rename=True)
gemma(
    "Gemma Scope of the embedding",
    "embedding/width_4k/params.npz",
    "F32",
    key="embedding/width_4k/params.npz",
    embedding=True,
)

# Llama Scope: Language-Model-SAEs, sae.py: from_config, standardize_parameters_of_dataset_activation_scaling,
# transform_to_unit_decoder_norm, jumprelu. Activations are those of the stored weights, where the loaded SAE's fire.


def llama(name, dtype, norms, **more):
    config = {
        "device": "cuda:0",
        "seed": 42,
        "dtype": "torch.bfloat16",
        "hook_point_in": "blocks.24.hook_resid_post",
        "hook_point_out": "blocks.24.hook_resid_post",
        "use_decoder_bias": True,
        "apply_decoder_bias_to_pre_encoder": False,
        "expansion_factor": 4,
        "d_model": D,
        "d_sae": F,
        "bias_init_method": "all_zero",
        "act_fn": "jumprelu",
        "jump_relu_threshold": 3.765625,
        "norm_activation": "dataset-wise",
        "dataset_average_activation_norm": norms,
        "decoder_exactly_fixed_norm": False,
        "sparsity_include_decoder_norm": True,
        "use_glu_encoder": False,
        "init_decoder_norm": 0.5,
        "init_encoder_norm": None,
        "lp": 1,
        "top_k": 50,
        "use_batch_norm_mse": True,
        "tp_size": 1,
        **more,
    }
    tensors = {
        "encoder.weight": normal(F, D),
        "encoder.bias": normal(F, scale=0.5),
        "decoder.weight": normal(D, F) * rng.uniform(0.3, 2.5, size=F),
        "decoder.bias": normal(D, scale=0.5),
    }
    data, w = safetensors(tensors, dtype)
    factor_in, factor_out = D**0.5 / norms["in"], D**0.5 / norms["out"]
    unit = config["sparsity_include_decoder_norm"] is not False  # the default of lm_saes
    encoder, bias = w["encoder.weight"], w["encoder.bias"] / factor_in
    decoder = w["decoder.weight"] * factor_in / factor_out
    if unit:
        norm = np.linalg.norm(decoder, axis=0)
        encoder, bias = encoder * norm[:, None], bias * norm
    before = config["apply_decoder_bias_to_pre_encoder"]

    def encode(x):
        loaded = (x - before * w["decoder.bias"] / factor_in) @ encoder.T + bias
        fires = loaded > config["jump_relu_threshold"]
        own = (x * factor_in - before * w["decoder.bias"]) @ w["encoder.weight"].T + w["encoder.bias"]
        return fires * own, [loaded - config["jump_relu_threshold"]]

    expected = {
        "format": "llama-scope",
        "architecture": "jumprelu",
        "inputWidth": D,
        "outputWidth": D,
        "features": F,
        "subtractDecoderBias": before,
        "inputScale": factor_in,
        "outputScale": factor_out,
    }
    objects = {"hyperparams.json": json.dumps(config).encode(), "checkpoints/final.safetensors": data}
    add(name, objects, encode, expected)


llama("Llama Scope", "BF16", {"in": 2.125, "out": 2.125})
llama("Llama Scope transcoder", "F32", {"in": 2.125, "out": 1.5}, hook_point_out="blocks.24.hook_mlp_out")
llama("Llama Scope without decoder norms", "F32", {"in": 2.125, "out": 1.5}, sparsity_include_decoder_norm=False)
llama("Llama Scope by its defaults", "F16", {"in": 2.125, "out": 3}, sparsity_include_decoder_norm=None, norm_activation=None)
llama("Llama Scope with the bias before the encoder", "F32", {"in": 3, "out": 3}, apply_decoder_bias_to_pre_encoder=True)

# sparsify: sparse_coder.py, fused_encoder.py


def sparsify(name, dtype, config, skip=False):
    config = {"d_in": D, "expansion_factor": 32, "normalize_decoder": True, "multi_topk": False, **config}
    tensors = {
        "encoder.weight": normal(F, D),
        "encoder.bias": normal(F, scale=0.5),
        "W_dec": normal(F, D),
        "b_dec": normal(D, scale=0.5),
        **({"W_skip": normal(D, D)} if skip else {}),
    }
    data, w = safetensors(tensors, dtype)
    k, activation = config["k"], config.get("activation", "topk")

    def encode(x):
        if not config.get("transcode", False):
            x = x - w["b_dec"]
        p = x @ w["encoder.weight"].T + w["encoder.bias"]
        acts = relu(p)
        if activation == "topk":
            return top_k(acts, k), top_margins(p, k)
        groups = acts.reshape(len(x), k, -1)
        kept = np.where(groups == groups.max(axis=2, keepdims=True), groups, 0)
        ordered = -np.sort(-p.reshape(groups.shape), axis=2)
        return kept.reshape(acts.shape), [p, ordered[:, :, 0] - ordered[:, :, 1]]

    expected = {
        "format": "sparsify",
        "architecture": activation,
        "k": k,
        "inputWidth": D,
        "outputWidth": D,
        "features": F,
        "subtractDecoderBias": not config.get("transcode", False),
    }
    add(name, {"cfg.json": json.dumps(config).encode(), "sae.safetensors": data}, encode, expected)


sparsify("sparsify topk", "F32", {"num_latents": F, "k": 4, "activation": "topk"})
sparsify("sparsify groupmax", "BF16", {"num_latents": F, "k": 5, "activation": "groupmax"})
sparsify("sparsify of an early version", "F16", {"num_latents": F, "k": 2, "signed": False})
sparsify(
    "sparsify transcoder with a skip connection",
    "F32",
    {"num_latents": F, "k": 4, "activation": "topk", "transcode": True, "skip_connection": True},
    skip=True,
)

path = pathlib.Path(__file__).with_name("goldens.json")
path.write_text(json.dumps(cases) + "\n")
print(f"{len(cases)} cases, {path.stat().st_size} bytes")

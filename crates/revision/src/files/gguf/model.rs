//! A language model's configuration and weights from llama.cpp's names.

use candle_core::Tensor;

use super::{Gguf, rope};
use crate::files::names::weight_shapes;
use crate::{LmConfig, RopeScaling};

type Read<T> = Result<T, String>;

/// The shapes that the metadata and the tensors tell.
pub(super) fn config(file: &Gguf) -> Read<LmConfig> {
    let metadata = file.metadata();
    let arch = metadata.text("general.architecture")?;
    let arch = arch.ok_or("it does not say what its architecture is")?.to_owned();
    if !matches!(arch.as_str(), "llama" | "qwen2" | "qwen3") {
        return Err(format!(
            "the architecture {arch} is not known; llama, qwen2 and qwen3 are"
        ));
    }
    if let Some(parts) = metadata.size("split.count")?.filter(|&parts| parts > 1) {
        return Err(format!(
            "it is one of {parts} parts; put them together with gguf-split first"
        ));
    }
    let asked = |key: &str| metadata.size(&format!("{arch}.{key}"));
    let size = |key: &str| asked(key)?.ok_or_else(|| format!("{arch}.{key} is missing"));
    if let Some(experts) = asked("expert_count")?.filter(|&count| count > 0) {
        return Err(format!(
            "it is a mixture of {experts} experts, which is not computed here"
        ));
    }
    refuse_uncomputed(file, &arch)?;
    let positions = size("context_length")?;
    if let Some(window) =
        asked("attention.sliding_window")?.filter(|&window| window > 0 && window < positions)
    {
        return Err(format!(
            "it attends to a sliding window of {window} tokens, which is not computed here"
        ));
    }
    let (hidden, heads) = (size("embedding_length")?, size("attention.head_count")?);
    let head_dim = match asked("attention.key_length")? {
        Some(length) => length,
        None if heads == 0 => return Err("it has no heads".to_owned()),
        None if !hidden.is_multiple_of(heads) => {
            return Err(format!(
                "{arch}.embedding_length {hidden} is not a multiple of {arch}.attention.head_count {heads}, and there is \
                 no {arch}.attention.key_length"
            ));
        }
        None => hidden / heads,
    };
    for key in ["attention.value_length", "rope.dimension_count"] {
        if let Some(other) = asked(key)?.filter(|&other| other != head_dim) {
            return Err(format!(
                "{arch}.{key} is {other}, but a head has {head_dim} columns"
            ));
        }
    }
    let number = |key: &str| metadata.number(&format!("{arch}.{key}"));
    let rope_theta = number("rope.freq_base")?.unwrap_or(10_000.0);
    let vocab = file.info("token_embd.weight").map(|info| info.shape[0]);
    let eps = number("attention.layer_norm_rms_epsilon")?;
    let config = LmConfig {
        vocab: vocab.ok_or("token_embd.weight is missing")?,
        hidden,
        inner: size("feed_forward_length")?,
        layers: size("block_count")?,
        heads,
        kv_heads: asked("attention.head_count_kv")?.unwrap_or(heads),
        head_dim,
        rope_theta,
        rope_scaling: scaling(file, &arch, head_dim, rope_theta)?,
        norm_eps: eps.ok_or_else(|| format!("{arch}.attention.layer_norm_rms_epsilon is missing"))?,
        tied: file.info("output.weight").is_none(),
        qkv_bias: arch == "qwen2",
        qk_norm: arch == "qwen3",
        positions,
        model_type: arch,
    };
    config.check()?;
    Ok(config)
}

/// Keys that change what is computed, and the values with which they do not.
fn refuse_uncomputed(file: &Gguf, arch: &str) -> Read<()> {
    const NUMBERS: [(&str, &[f64]); 10] = [
        ("attention.clamp_kqv", &[0.0]),
        ("attention.max_alibi_bias", &[0.0]),
        ("attention.scale", &[0.0]),
        ("attn_logit_softcapping", &[0.0]),
        ("final_logit_softcapping", &[0.0]),
        ("embedding_scale", &[0.0, 1.0]),
        ("residual_scale", &[0.0, 1.0]),
        ("logit_scale", &[0.0, 1.0]),
        ("rope.scaling.attn_factor", &[0.0, 1.0]),
        ("nextn_predict_layers", &[0.0]),
    ];
    let metadata = file.metadata();
    for (key, neutral) in NUMBERS {
        let key = format!("{arch}.{key}");
        if let Some(value) = metadata.number(&key)?.filter(|value| !neutral.contains(value)) {
            return Err(format!("{key} is {value}, which is not computed here"));
        }
    }
    let key = format!("{arch}.attention.causal");
    if metadata.flag(&key)? == Some(false) {
        return Err(format!(
            "it attends to what follows ({key}), which is not computed here"
        ));
    }
    Ok(())
}

fn scaling(file: &Gguf, arch: &str, head_dim: usize, theta: f64) -> Read<Option<RopeScaling>> {
    let metadata = file.metadata();
    if let Some(info) = file.info("rope_freqs.weight") {
        if info.shape != [head_dim / 2] {
            return Err(format!("rope_freqs.weight has the shape {:?}", info.shape));
        }
        let factors = file
            .decode("rope_freqs.weight", info)
            .map_err(|error| error.to_string())?;
        let factors = factors.to_vec1::<f32>().map_err(|error| error.to_string())?;
        return rope::scaling(&factors, theta);
    }
    let kind = metadata.text(&format!("{arch}.rope.scaling.type"))?;
    let factor = match metadata.number(&format!("{arch}.rope.scaling.factor"))? {
        None => metadata.number(&format!("{arch}.rope.scale_linear"))?,
        factor => factor,
    };
    match (kind, factor) {
        (Some("none"), _) | (None | Some("linear"), None) => Ok(None),
        (None | Some("linear"), Some(factor)) => Ok(Some(RopeScaling::Linear { factor })),
        (Some(other), _) => Err(format!(
            "rotary embedding is stretched by the rule {other}; linear and llama3 are computed here"
        )),
    }
}

/// Whether every weight of the model is there in its shape, and nothing that would change the model beside them.
pub(super) fn check(file: &Gguf, config: &LmConfig) -> Read<()> {
    let mut known = vec!["rope_freqs.weight".to_owned()];
    for (name, shape) in weight_shapes(config) {
        let stored = gguf_name(&name).expect("a name for every weight");
        let info = file
            .info(&stored)
            .ok_or_else(|| format!("tensor {stored} is missing"))?;
        if info.shape != shape {
            return Err(format!(
                "tensor {stored} has the shape {:?}, the configuration says {shape:?}",
                info.shape
            ));
        }
        known.push(stored);
    }
    known.sort_unstable();
    match file
        .names()
        .find(|name| known.binary_search_by(|one| one.as_str().cmp(name)).is_err())
    {
        Some(name) => {
            let kind = &config.model_type;
            Err(format!(
                "tensor {name} has no place in a model of the kind {kind} as it is computed here"
            ))
        }
        None => Ok(()),
    }
}

/// llama.cpp's name for one of Hugging Face's.
pub(super) fn gguf_name(name: &str) -> Option<String> {
    let whole = match name {
        "model.embed_tokens.weight" => "token_embd.weight",
        "model.norm.weight" => "output_norm.weight",
        "lm_head.weight" => "output.weight",
        _ => return block_name(name.strip_prefix("model.layers.")?),
    };
    Some(whole.to_owned())
}

fn block_name(rest: &str) -> Option<String> {
    let (layer, rest) = rest.split_once('.')?;
    let (module, kind) = rest.rsplit_once('.')?;
    let module = match module {
        "input_layernorm" => "attn_norm",
        "self_attn.q_proj" => "attn_q",
        "self_attn.k_proj" => "attn_k",
        "self_attn.v_proj" => "attn_v",
        "self_attn.o_proj" => "attn_output",
        "self_attn.q_norm" => "attn_q_norm",
        "self_attn.k_norm" => "attn_k_norm",
        "post_attention_layernorm" => "ffn_norm",
        "mlp.gate_proj" => "ffn_gate",
        "mlp.up_proj" => "ffn_up",
        "mlp.down_proj" => "ffn_down",
        _ => return None,
    };
    Some(format!("blk.{layer}.{module}.{kind}"))
}

/// The rows of queries and keys in Hugging Face's order.
///
/// Files of the architecture `llama` have the rows of a head as (i, i + head_dim/2) pairs side by side, for rotary
/// embedding of neighbours; those of the Qwen kind are stored as they are.
pub(super) fn in_order(config: &LmConfig, name: &str, tensor: Tensor) -> candle_core::Result<Tensor> {
    let heads = match name.rsplit('.').nth(1) {
        Some("q_proj") => config.heads,
        Some("k_proj") => config.kv_heads,
        _ => return Ok(tensor),
    };
    if config.model_type != "llama" {
        return Ok(tensor);
    }
    let (rows, columns) = tensor.dims2()?;
    let pairs = tensor.reshape((heads, config.head_dim / 2, 2, columns))?;
    pairs.transpose(1, 2)?.contiguous()?.reshape((rows, columns))
}

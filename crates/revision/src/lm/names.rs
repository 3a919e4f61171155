//! Names of a layer's maps in model files.

use crate::LmConfig;

/// Names and rows of the maps that are kept as one, in their order.
pub(crate) fn qkv_names(config: &LmConfig) -> [(&'static str, usize); 3] {
    let LmConfig {
        heads,
        kv_heads,
        head_dim,
        ..
    } = *config;
    [
        ("self_attn.q_proj", heads * head_dim),
        ("self_attn.k_proj", kv_heads * head_dim),
        ("self_attn.v_proj", kv_heads * head_dim),
    ]
}

/// As [`qkv_names`], for the feed-forward part.
pub(crate) fn up_names(config: &LmConfig) -> [(&'static str, usize); 2] {
    [("mlp.gate_proj", config.inner), ("mlp.up_proj", config.inner)]
}

//! Names and shapes of a language model's weights.

use crate::LmConfig;

/// Every weight of a model by Hugging Face's name, with its shape, in the order of the computation.
pub fn weight_shapes(config: &LmConfig) -> Vec<(String, Vec<usize>)> {
    let (hidden, vocab) = (config.hidden, config.vocab);
    let mut all = vec![("model.embed_tokens.weight".to_owned(), vec![vocab, hidden])];
    for layer in 0..config.layers {
        let named = |(part, shape)| (format!("model.layers.{layer}.{part}"), shape);
        all.extend(block_shapes(config).into_iter().map(named));
    }
    all.push(("model.norm.weight".to_owned(), vec![hidden]));
    if !config.tied {
        all.push(("lm_head.weight".to_owned(), vec![vocab, hidden]));
    }
    all
}

fn block_shapes(config: &LmConfig) -> Vec<(&'static str, Vec<usize>)> {
    let (hidden, inner) = (config.hidden, config.inner);
    let (queries, keys) = (config.heads * config.head_dim, config.kv_heads * config.head_dim);
    let mut all = vec![
        ("input_layernorm.weight", vec![hidden]),
        ("self_attn.q_proj.weight", vec![queries, hidden]),
        ("self_attn.k_proj.weight", vec![keys, hidden]),
        ("self_attn.v_proj.weight", vec![keys, hidden]),
        ("self_attn.o_proj.weight", vec![hidden, queries]),
        ("post_attention_layernorm.weight", vec![hidden]),
        ("mlp.gate_proj.weight", vec![inner, hidden]),
        ("mlp.up_proj.weight", vec![inner, hidden]),
        ("mlp.down_proj.weight", vec![hidden, inner]),
    ];
    if config.qkv_bias {
        all.extend([
            ("self_attn.q_proj.bias", vec![queries]),
            ("self_attn.k_proj.bias", vec![keys]),
            ("self_attn.v_proj.bias", vec![keys]),
        ]);
    }
    if config.qk_norm {
        all.extend([
            ("self_attn.q_norm.weight", vec![config.head_dim]),
            ("self_attn.k_norm.weight", vec![config.head_dim]),
        ]);
    }
    all
}

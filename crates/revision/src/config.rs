//! Shapes of a language model of the Llama family.

/// A decoder of the Llama family: Llama 2 and 3, SmolLM2, Mistral without sliding windows, Qwen 2, 2.5 and 3.
///
/// Names of weights are Hugging Face's, and so is the order of their rows: rotary embedding turns coordinate i of a head
/// with coordinate i + head_dim/2. Whoever reads another layout brings it into this one.
#[derive(Debug, Clone, PartialEq)]
pub struct LmConfig {
    /// Hugging Face's `model_type`: `llama`, `mistral`, `qwen2` or `qwen3`.
    pub model_type: String,
    /// Tokens of the vocabulary, rows of the embedding.
    pub vocab: usize,
    /// Width of the residual stream.
    pub hidden: usize,
    /// Width inside the feed-forward part.
    pub inner: usize,
    /// Blocks.
    pub layers: usize,
    /// Query heads.
    pub heads: usize,
    /// Key and value heads, a divisor of the query heads.
    pub kv_heads: usize,
    /// Columns of a head, even.
    pub head_dim: usize,
    /// Base of the rotary frequencies.
    pub rope_theta: f64,
    /// How the frequencies are stretched for long texts.
    pub rope_scaling: Option<RopeScaling>,
    /// Added to the mean square in a norm.
    pub norm_eps: f64,
    /// Whether the output matrix is the embedding.
    pub tied: bool,
    /// Whether queries, keys and values have a bias (Qwen 2).
    pub qkv_bias: bool,
    /// Whether queries and keys are normed by head (Qwen 3).
    pub qk_norm: bool,
    /// Longest text it was trained on.
    pub positions: usize,
}

/// How rotary frequencies are stretched.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum RopeScaling {
    /// All positions divided by a factor.
    Linear {
        /// The factor.
        factor: f64,
    },
    /// Llama 3: low frequencies divided, high ones kept, a ramp between.
    Llama3 {
        /// The factor of low frequencies.
        factor: f64,
        /// Wavelengths above `original / low` are divided in full.
        low: f64,
        /// Wavelengths below `original / high` are kept.
        high: f64,
        /// Positions of the first training.
        original: f64,
    },
}

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

/// Greatest sizes, far above any model's: products of two of them still fit.
const MAX_VOCAB: usize = 1 << 24;
const MAX_WIDTH: usize = 1 << 20;
const MAX_LAYERS: usize = 1 << 12;

impl LmConfig {
    /// Whether the sizes make a model; a reason when not. Files are believed no further than this.
    pub(crate) fn check(&self) -> Result<(), String> {
        let sizes = [
            ("vocabulary", self.vocab, MAX_VOCAB),
            ("width", self.hidden, MAX_WIDTH),
            ("inner width", self.inner, MAX_WIDTH),
            ("number of layers", self.layers, MAX_LAYERS),
            ("number of heads", self.heads, MAX_WIDTH),
            ("number of key heads", self.kv_heads, MAX_WIDTH),
            ("width of a head", self.head_dim, MAX_WIDTH),
            ("number of positions", self.positions, usize::MAX),
        ];
        for (what, size, most) in sizes {
            if size == 0 || size > most {
                return Err(format!("a {what} of {size} makes no model"));
            }
        }
        if !self.heads.is_multiple_of(self.kv_heads) {
            return Err(format!(
                "{} heads cannot share {} key heads",
                self.heads, self.kv_heads
            ));
        }
        if !self.head_dim.is_multiple_of(2) {
            return Err(format!(
                "a head of {} columns cannot be turned in pairs",
                self.head_dim
            ));
        }
        if self.heads.saturating_mul(self.head_dim) > MAX_WIDTH {
            return Err(format!(
                "{} heads of {} columns make no model",
                self.heads, self.head_dim
            ));
        }
        let positive = |value: f64| value.is_finite() && value > 0.0;
        if !positive(self.norm_eps) || !positive(self.rope_theta) {
            return Err("the norm's epsilon and the rotary base must be positive".to_owned());
        }
        let stretched = match self.rope_scaling {
            None => true,
            Some(RopeScaling::Linear { factor }) => positive(factor),
            Some(RopeScaling::Llama3 {
                factor,
                low,
                high,
                original,
            }) => positive(factor) && positive(low) && high.is_finite() && high > low && positive(original),
        };
        if stretched {
            Ok(())
        } else {
            Err(format!(
                "rotary embedding cannot be stretched by {:?}",
                self.rope_scaling
            ))
        }
    }
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

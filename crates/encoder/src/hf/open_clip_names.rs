//! Names and layouts of open_clip's tensors.

use candle_core::Tensor;

use crate::error::Result;

/// Where open_clip keeps what `transformers` calls by another name.
#[derive(Debug, PartialEq)]
pub(super) struct Place {
    pub name: String,
    /// Which third of its rows: queries, keys and values stand in one matrix.
    third: Option<usize>,
    /// Whether rows and columns are exchanged.
    transposed: bool,
}

impl Place {
    /// The place of the tensor that `transformers` calls `name` in a CLIP.
    pub fn of(name: &str) -> Self {
        let plain = |name: String| Self {
            name,
            third: None,
            transposed: false,
        };
        let fixed = match name {
            "vision_model.embeddings.class_embedding" => Some("visual.class_embedding"),
            "vision_model.embeddings.patch_embedding.weight" => Some("visual.conv1.weight"),
            "vision_model.embeddings.position_embedding.weight" => Some("visual.positional_embedding"),
            "text_model.embeddings.token_embedding.weight" => Some("token_embedding.weight"),
            "text_model.embeddings.position_embedding.weight" => Some("positional_embedding"),
            _ => None,
        };
        if let Some(name) = fixed {
            return plain(name.to_owned());
        }
        let projection = match name {
            "visual_projection.weight" => Some("visual.proj"),
            "text_projection.weight" => Some("text_projection"),
            _ => None,
        };
        if let Some(name) = projection {
            return Self {
                transposed: true,
                ..plain(name.to_owned())
            };
        }
        let mut name = name
            .replace("vision_model.encoder.layers.", "visual.transformer.resblocks.")
            .replace("text_model.encoder.layers.", "transformer.resblocks.")
            .replace("vision_model.pre_layrnorm.", "visual.ln_pre.")
            .replace("vision_model.post_layernorm.", "visual.ln_post.")
            .replace("text_model.final_layer_norm.", "ln_final.")
            .replace(".layer_norm1.", ".ln_1.")
            .replace(".layer_norm2.", ".ln_2.")
            .replace(".mlp.fc1.", ".mlp.c_fc.")
            .replace(".mlp.fc2.", ".mlp.c_proj.")
            .replace(".self_attn.out_proj.", ".attn.out_proj.");
        let mut third = None;
        for (index, part) in ["q", "k", "v"].into_iter().enumerate() {
            let part = format!(".self_attn.{part}_proj.");
            if name.contains(&part) {
                name = name.replace(&part, ".attn.in_proj_");
                third = Some(index);
            }
        }
        Self { third, ..plain(name) }
    }

    /// The shape of what stands there, for a tensor of `shape`.
    pub fn shape(&self, shape: &[usize]) -> Vec<usize> {
        let mut shape = shape.to_vec();
        if self.transposed {
            shape.reverse();
        }
        if self.third.is_some() {
            shape[0] *= 3;
        }
        shape
    }

    /// The tensor out of what stands there.
    pub fn taken(&self, tensor: &Tensor) -> Result<Tensor> {
        let tensor = match self.third {
            Some(third) => {
                let rows = tensor.dim(0)? / 3;
                tensor.narrow(0, third * rows, rows)?
            }
            None => tensor.clone(),
        };
        Ok(if self.transposed { tensor.t()? } else { tensor })
    }
}

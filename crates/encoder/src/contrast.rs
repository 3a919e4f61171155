//! One contrastive step: the loss of a whole batch, however little of it is held at a time.
//!
//! The batch is embedded first, without a tape; the loss gives the gradient at every embedding; then each part is
//! embedded again with a tape and its gradients are carried on (Gao et al., arXiv 2101.06983). A batch in one part keeps
//! its tape and is embedded once.

use candle_core::Tensor;
use modality_gap_nn::ops::{InfoNce, info_nce};
use modality_gap_nn::{Tape, Var, sum};

use crate::error::Result;
use crate::model::Model;
use crate::vocabulary::Tokens;

/// A part of a batch, ready for the towers.
#[derive(Debug, Clone)]
pub struct Part {
    /// Patches of its images, a tensor of the model's type.
    pub patches: Tensor,
    /// Its texts.
    pub tokens: Tokens,
}

/// A step's loss with all gradients.
#[derive(Debug, Clone)]
pub struct Contrast {
    /// Loss and gradients at the embeddings.
    pub loss: InfoNce,
    /// Image rows, n × dim.
    pub image: Tensor,
    /// Text rows, n × dim.
    pub text: Tensor,
    /// Gradients of the parameters, in their order.
    pub gradients: Vec<Tensor>,
}

/// The loss of the batch that `parts` make up, and its gradients.
pub fn contrast(model: &Model, parts: &[Part]) -> Result<Contrast> {
    if let [part] = parts {
        let (tape, vars, image, text) = forward(model, part)?;
        let loss = info_nce(image.value(), text.value(), model.log_scale()?)?;
        let (rows, texts) = (image.value().clone(), text.value().clone());
        let gradients = backward(
            tape,
            &vars,
            [&image, &text],
            [loss.image.clone(), loss.text.clone()],
        )?;
        return finish(model, loss, rows, texts, gradients);
    }
    let embedded = parts
        .iter()
        .map(|part| embed(model, part))
        .collect::<Result<Vec<_>>>()?;
    let (images, texts): (Vec<Tensor>, Vec<Tensor>) = embedded.into_iter().unzip();
    let (image, text) = (Tensor::cat(&images, 0)?, Tensor::cat(&texts, 0)?);
    let loss = info_nce(&image, &text, model.log_scale()?)?;
    let mut total: Vec<Option<Tensor>> = vec![None; model.params().len()];
    let mut from = 0;
    for (part, rows) in parts.iter().zip(images.iter().map(|rows| rows.dims()[0])) {
        let (tape, vars, image, text) = forward(model, part)?;
        let seeds = [
            loss.image.narrow(0, from, rows)?,
            loss.text.narrow(0, from, rows)?,
        ];
        let gradients = backward(tape, &vars, [&image, &text], seeds)?;
        for (total, gradient) in total.iter_mut().zip(gradients) {
            *total = match (total.take(), gradient) {
                (Some(a), Some(b)) => Some(sum(&a, &b)?),
                (a, b) => a.or(b),
            };
        }
        from += rows;
    }
    finish(model, loss, image, text, total)
}

/// Both sides of a part, unit rows, without a tape.
pub fn embed(model: &Model, part: &Part) -> Result<(Tensor, Tensor)> {
    let mut tape = Tape::new();
    let vars = model.params().constants();
    let image = model.images(&mut tape, &vars, part.patches.clone())?;
    let text = model.texts(&mut tape, &vars, &part.tokens)?;
    Ok((image.value().clone(), text.value().clone()))
}

fn forward(model: &Model, part: &Part) -> Result<(Tape, Vec<Var>, Var, Var)> {
    let mut tape = Tape::new();
    let vars = model.params().leaves(&mut tape);
    let image = model.images(&mut tape, &vars, part.patches.clone())?;
    let text = model.texts(&mut tape, &vars, &part.tokens)?;
    Ok((tape, vars, image, text))
}

fn backward(tape: Tape, vars: &[Var], roots: [&Var; 2], seeds: [Tensor; 2]) -> Result<Vec<Option<Tensor>>> {
    let [image, text] = seeds;
    let mut gradients = tape.backward(&[(roots[0], image), (roots[1], text)])?;
    Ok(vars.iter().map(|leaf| gradients.take(leaf)).collect())
}

fn finish(
    model: &Model,
    loss: InfoNce,
    image: Tensor,
    text: Tensor,
    mut gradients: Vec<Option<Tensor>>,
) -> Result<Contrast> {
    let scale = Tensor::new(&[loss.log_scale], image.device())?.to_dtype(image.dtype())?;
    gradients[model.log_scale_index()] = Some(scale);
    let gradients = model.params().all_gradients(gradients)?;
    Ok(Contrast {
        loss,
        image,
        text,
        gradients,
    })
}

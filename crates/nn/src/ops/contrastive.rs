//! The symmetric contrastive loss: Radford et al., arXiv 2103.00020, figure 3.

use candle_core::Tensor;

use super::softmax::softmax_row;
use crate::tensor::shape_of;
use crate::tensor::{host, tensor};
use crate::{MatMut, MatRef, Real, Result, gemm, with_dtype};

/// The loss of a batch of pairs, and its gradients at the embeddings.
#[derive(Debug, Clone)]
pub struct InfoNce {
    /// ½(mean −log softmax over texts + mean −log softmax over images), natural logarithm.
    pub loss: f64,
    /// dL/d image rows, n × d.
    pub image: Tensor,
    /// dL/d text rows, n × d.
    pub text: Tensor,
    /// dL/d log scale.
    pub log_scale: f64,
    /// Share of images whose own text has the largest logit of its row.
    pub accuracy: f64,
}

/// Logits are exp(`log_scale`)·image·textᵀ; row i of one side belongs to row i of the other. Both n × d, usually unit
/// rows. Gradients lie in the span of the other side's rows, which is why directions outside it never move.
pub fn info_nce(image: &Tensor, text: &Tensor, log_scale: f64) -> Result<InfoNce> {
    with_dtype!(image, T => run::<T>(image, text, log_scale))
}

fn run<T: Real>(image: &Tensor, text: &Tensor, log_scale: f64) -> Result<InfoNce> {
    let (n, d) = shape_of(image)?;
    let (x, y) = (host::<T>(image)?, host::<T>(text)?);
    let scale = log_scale.exp();
    let mut logits = vec![T::ZERO; n * n];
    gemm(
        MatMut::new(&mut logits, n, n),
        false,
        MatRef::new(&x, n, d),
        MatRef::new(&y, n, d).t(),
        T::of(scale),
    );
    let mut transposed = vec![T::ZERO; n * n];
    for (i, row) in logits.chunks_exact(n).enumerate() {
        for (j, &logit) in row.iter().enumerate() {
            transposed[j * n + i] = logit;
        }
    }
    let diagonal: Vec<f64> = (0..n).map(|i| logits[i * n + i].wide()).collect();
    let accuracy = (0..n)
        .filter(|&i| logits[i * n..(i + 1) * n].iter().all(|&l| l <= logits[i * n + i]))
        .count();
    let mut by_row = logits.clone();
    let sums_row = softmax_rows(&mut by_row, n);
    let sums_col = softmax_rows(&mut transposed, n);
    let loss = (0..n)
        .map(|i| 0.5 * (sums_row[i] + sums_col[i]) - diagonal[i])
        .sum::<f64>()
        / n as f64;

    // dL/dlogit = (½(P + Qᵀ) − 1)/n, kept in `by_row`
    let share = T::of(0.5 / n as f64);
    for i in 0..n {
        for j in 0..n {
            by_row[i * n + j] = (by_row[i * n + j] + transposed[j * n + i]) * share;
        }
        by_row[i * n + i] -= T::of(1.0 / n as f64);
    }
    let to_scale = by_row.iter().zip(&logits).map(|(g, l)| g.wide() * l.wide()).sum();
    let to_logits = MatRef::new(&by_row, n, n);
    let mut to_image = vec![T::ZERO; n * d];
    gemm(
        MatMut::new(&mut to_image, n, d),
        false,
        to_logits,
        MatRef::new(&y, n, d),
        T::of(scale),
    );
    let mut to_text = vec![T::ZERO; n * d];
    gemm(
        MatMut::new(&mut to_text, n, d),
        false,
        to_logits.t(),
        MatRef::new(&x, n, d),
        T::of(scale),
    );
    Ok(InfoNce {
        loss,
        image: tensor(to_image, (n, d))?,
        text: tensor(to_text, (n, d))?,
        log_scale: to_scale,
        accuracy: accuracy as f64 / n as f64,
    })
}

/// Softmax of every row; log Σexp of each.
fn softmax_rows<T: Real>(rows: &mut [T], n: usize) -> Vec<f64> {
    let mut sums = vec![T::ZERO; n];
    crate::parallel::each_row_block2(
        (rows, n),
        (&mut sums, 1),
        #[inline(always)]
        |_, rows, sums| {
            for (row, sum) in rows.chunks_exact_mut(n).zip(sums) {
                *sum = softmax_row(row);
            }
        },
    );
    sums.into_iter().map(Real::wide).collect()
}

//! Retrieval and gap of held-out pairs.

use std::collections::BTreeMap;

use rayon::prelude::*;
use serde::Serialize;
use ts_rs::TS;

/// How often the right answer is among the first k, and the mean of 1/rank.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, TS)]
#[ts(rename = "Recall")]
pub struct Retrieval {
    /// Among the first.
    pub r1: f64,
    /// Among the first five.
    pub r5: f64,
    /// Among the first ten.
    pub r10: f64,
    /// Mean reciprocal rank.
    pub mrr: f64,
}

/// What held-out pairs show.
#[derive(Debug, Clone, PartialEq, Serialize, TS)]
#[ts(rename = "HeldOut")]
#[serde(rename_all = "camelCase")]
pub struct Evaluation {
    /// Pairs.
    pub rows: usize,
    /// Different captions among them.
    pub captions: usize,
    /// ‖mean image − mean text‖.
    pub gap: f64,
    /// Mean cosine of a pair.
    pub paired_cosine: f64,
    /// Images found by captions.
    pub text_to_image: Retrieval,
    /// Captions found by images.
    pub image_to_text: Retrieval,
    /// Recall among the first five that chance would give, both ways together.
    pub chance_r5: f64,
}

/// Evaluates unit rows n × `dim`; `captions[i]` is the number of row i's caption, equal for equal captions: each of its
/// images is a right answer. Ties count against the right answer.
pub fn evaluate(image: &[f32], text: &[f32], dim: usize, captions: &[usize]) -> Evaluation {
    let rows = captions.len();
    // a caption that stands beside several images is asked once, and answered once
    let mut first: BTreeMap<usize, usize> = BTreeMap::new();
    for (row, &caption) in captions.iter().enumerate() {
        first.entry(caption).or_insert(row);
    }
    let asked: Vec<usize> = first.values().copied().collect();
    let all: Vec<usize> = (0..rows).collect();
    let text_to_image = retrieval(&asked, text, &all, image, dim, captions);
    let image_to_text = retrieval(&all, image, &asked, text, dim, captions);
    let mean = |values: &[f32]| -> Vec<f64> {
        let mut mean = vec![0.0; dim];
        for row in values.chunks_exact(dim) {
            mean.iter_mut()
                .zip(row)
                .for_each(|(m, &v)| *m += f64::from(v) / rows as f64);
        }
        mean
    };
    let (x, z) = (mean(image), mean(text));
    Evaluation {
        rows,
        captions: asked.len(),
        gap: x
            .iter()
            .zip(&z)
            .map(|(x, z)| (x - z) * (x - z))
            .sum::<f64>()
            .sqrt(),
        paired_cosine: cosine(image, text) / rows as f64,
        text_to_image,
        image_to_text,
        chance_r5: (5.0 / asked.len() as f64).min(1.0),
    }
}

fn retrieval(
    queries: &[usize],
    query_rows: &[f32],
    corpus: &[usize],
    corpus_rows: &[f32],
    dim: usize,
    captions: &[usize],
) -> Retrieval {
    let ranks: Vec<usize> = queries
        .par_iter()
        .map(|&query| {
            let row = &query_rows[query * dim..][..dim];
            let scores: Vec<f64> = corpus
                .iter()
                .map(|&at| cosine(row, &corpus_rows[at * dim..][..dim]))
                .collect();
            let right = |at: &usize| captions[*at] == captions[query];
            let best = corpus
                .iter()
                .zip(&scores)
                .filter(|(at, _)| right(at))
                .map(|(_, &s)| s)
                .fold(f64::MIN, f64::max);
            1 + corpus
                .iter()
                .zip(&scores)
                .filter(|(at, score)| !right(at) && **score >= best)
                .count()
        })
        .collect();
    let share = |most| ranks.iter().filter(|&&rank| rank <= most).count() as f64 / ranks.len() as f64;
    let mrr = ranks.iter().map(|&rank| 1.0 / rank as f64).sum::<f64>() / ranks.len() as f64;
    Retrieval {
        r1: share(1),
        r5: share(5),
        r10: share(10),
        mrr,
    }
}

fn cosine(a: &[f32], b: &[f32]) -> f64 {
    a.iter().zip(b).map(|(&a, &b)| f64::from(a) * f64::from(b)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Four pairs, two of one caption; row 3's image points at caption 0.
    #[test]
    fn equal_captions_are_one_question_and_any_of_their_images_answers_it() {
        let text = [1.0, 0.0, 1.0, 0.0, 0.0, 1.0, -1.0, 0.0];
        let image = [0.8, 0.6, 1.0, 0.0, 0.0, 1.0, 0.6, -0.8];
        let found = evaluate(&image, &text, 2, &[0, 0, 1, 2]);
        assert_eq!((found.rows, found.captions), (4, 3));
        assert_eq!(found.text_to_image.r1, 2.0 / 3.0);
        assert_eq!(found.image_to_text.r1, 3.0 / 4.0);
        assert_eq!(found.image_to_text.mrr, (3.0 + 1.0 / 2.0) / 4.0);
    }
}

//! Retrieval and gap of held-out pairs.

use std::collections::BTreeMap;

use modality_gap_geometry::{Neighbour, Ranks, Recall};
use rayon::prelude::*;
use serde::Serialize;
use ts_rs::TS;

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
    pub text_to_image: Recall,
    /// Captions found by images.
    pub image_to_text: Recall,
    /// Recall among the first five that chance would give, both ways together.
    pub chance_r5: f64,
}

/// Evaluates unit rows n × `dim`; `captions[i]` is the number of row i's caption, equal for equal captions: each of its
/// images is a right answer. Of equally near rows the one with the lower index comes first, as in a measurement.
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
) -> Recall {
    let before: Vec<u64> = queries
        .par_iter()
        .map(|&query| {
            let row = &query_rows[query * dim..][..dim];
            let found: Vec<(bool, Neighbour)> = corpus
                .iter()
                .zip(0..)
                .map(|(&at, index)| {
                    let cosine = cosine(row, &corpus_rows[at * dim..][..dim]);
                    (captions[at] == captions[query], Neighbour { cosine, index })
                })
                .collect();
            let right = found.iter().filter(|(right, _)| *right).map(|(_, row)| row);
            let nearest = right.reduce(|best, row| if row.stands_before(best) { row } else { best });
            let nearest = nearest.expect("every query has a partner");
            let others = found.iter().filter(|(right, _)| !*right);
            others.filter(|(_, row)| row.stands_before(nearest)).count() as u64
        })
        .collect();
    before.into_iter().collect::<Ranks>().recall()
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

//! Whether a row finds its partner among the probe pairs.

use std::collections::{BTreeMap, HashMap};

use faer::MatRef;

use super::record::{RecallRecord, Retrieval, RetrievalChanceRecord};
use crate::neighbours::Neighbour;
use crate::noise::mix;
use crate::retrieval::{Ranks, RecallByChance};

/// Rows of a tile of the similarity matrix; the matrix itself is never held.
const TILE: usize = 256;

/// At most a fixed number of pairs, the same ones at every step.
pub(super) struct Sample {
    dim: usize,
    /// Their sorted indices; `None` takes every pair.
    chosen: Option<Vec<u64>>,
    /// Items of the pairs that are taken; `None` when each has its own.
    keys: Option<Vec<u32>>,
    x: Vec<f64>,
    y: Vec<f64>,
}

impl Sample {
    /// `limit` of `pairs` pairs, those with the smallest hash of seed and item; all where there are no more. `keys` are the
    /// items of the pairs, all pairs of an item are taken or none.
    pub fn of(pairs: u64, dim: usize, limit: u64, seed: u64, keys: Option<&[u32]>) -> Self {
        let chosen = (pairs > limit).then(|| {
            let item = |i: u64| keys.map_or(i, |keys| u64::from(keys[i as usize]));
            let mut hashed: Vec<(u64, u64)> = (0..pairs).map(|i| (mix(item(i) ^ mix(seed)), i)).collect();
            hashed.sort_unstable();
            let mut taken = limit as usize;
            if keys.is_some() {
                // hashes of two items are equal only by a chance of 2⁻⁶⁴
                while taken > 0 && hashed[taken - 1].0 == hashed[taken].0 {
                    taken -= 1;
                }
            }
            let mut chosen: Vec<u64> = hashed[..taken].iter().map(|&(_, i)| i).collect();
            chosen.sort_unstable();
            chosen
        });
        let keys = keys.map(|keys| match &chosen {
            Some(chosen) => chosen.iter().map(|&i| keys[i as usize]).collect(),
            None => keys.to_vec(),
        });
        Self {
            dim,
            chosen,
            keys,
            x: Vec::new(),
            y: Vec::new(),
        }
    }

    /// Keeps unit rows `x` and `y` when pair `index` is chosen; pairs come in order.
    pub fn offer(&mut self, index: u64, x: &[f64], y: &[f64]) {
        let wanted = match &self.chosen {
            None => true,
            Some(chosen) => chosen.get(self.x.len() / self.dim) == Some(&index),
        };
        if wanted {
            self.x.extend_from_slice(x);
            self.y.extend_from_slice(y);
        }
    }

    /// Recall both ways by cosine; of equally similar rows the one with the lower index comes first. Absent for no pairs.
    ///
    /// Any row of the query's item is right, and a row that an item has more than once counts once, as COCO's protocol
    /// counts images and their captions.
    pub fn retrieval(&self) -> Option<Retrieval> {
        let n = self.x.len() / self.dim;
        if n == 0 {
            return None;
        }
        let rows = |values, first: usize, count: usize| {
            let part: &[f64] = values;
            let part = &part[first * self.dim..(first + count) * self.dim];
            MatRef::from_row_major_slice(part, count, self.dim)
        };
        let tile = |i: usize, j: usize| {
            let (rows_i, rows_j) = (TILE.min(n - i), TILE.min(n - j));
            rows(&self.x, i, rows_i) * rows(&self.y, j, rows_j).transpose()
        };
        let firsts = || (0..n).step_by(TILE);
        let one_item = |i: usize, j: usize| self.keys.as_ref().map_or(i == j, |keys| keys[i] == keys[j]);
        let repeats = [&self.x, &self.y].map(|values| self.repeats(values));
        // the most similar row of the own item on the other side, and its index
        let none = Neighbour {
            cosine: f64::NEG_INFINITY,
            index: u64::MAX,
        };
        let mut own = [vec![none; n], vec![none; n]];
        let mut best = |side: usize, at: usize, cosine: f64, index: usize| {
            let (row, partner) = (neighbour(cosine, index), &mut own[side][at]);
            if row.stands_before(partner) {
                *partner = row;
            }
        };
        for first_i in firsts() {
            for first_j in firsts() {
                // a pair that is its own item stands on the diagonal
                if self.keys.is_none() && first_i != first_j {
                    continue;
                }
                let similar = tile(first_i, first_j);
                for b in 0..similar.ncols() {
                    for a in 0..similar.nrows() {
                        let (i, j) = (first_i + a, first_j + b);
                        if one_item(i, j) {
                            best(0, i, similar[(a, b)], j);
                            best(1, j, similar[(a, b)], i);
                        }
                    }
                }
            }
        }
        // how many rows of the other side come before the partner
        let (mut before_x, mut before_y) = (vec![0_u64; n], vec![0_u64; n]);
        for first_i in firsts() {
            for first_j in firsts() {
                let similar = tile(first_i, first_j);
                for b in 0..similar.ncols() {
                    for a in 0..similar.nrows() {
                        let (i, j, cosine) = (first_i + a, first_j + b, similar[(a, b)]);
                        if one_item(i, j) {
                            continue;
                        }
                        let ahead = |other: usize, partner: &Neighbour| {
                            neighbour(cosine, other).stands_before(partner)
                        };
                        before_x[i] += u64::from(!repeats[1][j] && ahead(j, &own[0][i]));
                        before_y[j] += u64::from(!repeats[0][i] && ahead(i, &own[1][j]));
                    }
                }
            }
        }
        Some(Retrieval {
            pairs: n as u64,
            image_to_text: recall(&before_x, &repeats[0]),
            text_to_image: recall(&before_y, &repeats[1]),
            chance: RetrievalChanceRecord {
                image_to_text: self.by_chance(&repeats[0], &repeats[1]),
                text_to_image: self.by_chance(&repeats[1], &repeats[0]),
            },
        })
    }

    /// Recall in random order of the rows that are no repeats of `asking` among those of `answering`.
    fn by_chance(&self, asking: &[bool], answering: &[bool]) -> RecallRecord {
        let rows = answering.iter().filter(|repeat| !**repeat).count() as u64;
        let mut of_item: HashMap<u32, u64> = HashMap::new();
        if let Some(keys) = &self.keys {
            for (key, _) in keys.iter().zip(answering).filter(|(_, repeat)| !**repeat) {
                *of_item.entry(*key).or_default() += 1;
            }
        }
        let mut partners: BTreeMap<u64, u64> = BTreeMap::new();
        for i in (0..asking.len()).filter(|&i| !asking[i]) {
            let of_row = self.keys.as_ref().map_or(1, |keys| of_item[&keys[i]]);
            *partners.entry(of_row).or_default() += 1;
        }
        let chance = RecallByChance::of(&partners, rows);
        RecallRecord {
            r1: chance.r1,
            r5: chance.r5,
        }
    }

    /// Whether each row equals an earlier one of its item bit for bit.
    fn repeats(&self, values: &[f64]) -> Vec<bool> {
        let rows: Vec<&[f64]> = values.chunks_exact(self.dim).collect();
        let Some(keys) = &self.keys else {
            return vec![false; rows.len()];
        };
        let mut seen: HashMap<u32, Vec<usize>> = HashMap::new();
        let bits = |row: &[f64]| row.iter().map(|v| v.to_bits()).collect::<Vec<_>>();
        let repeats = rows.iter().enumerate().map(|(i, row)| {
            let of_item = seen.entry(keys[i]).or_default();
            let repeat = of_item.iter().any(|&j| bits(rows[j]) == bits(row));
            if !repeat {
                of_item.push(i);
            }
            repeat
        });
        repeats.collect()
    }
}

fn neighbour(cosine: f64, index: usize) -> Neighbour {
    Neighbour {
        cosine,
        index: index as u64,
    }
}

fn recall(before: &[u64], repeats: &[bool]) -> RecallRecord {
    let asked = before.iter().zip(repeats).filter(|(_, repeat)| !**repeat);
    let recall = asked.map(|(&before, _)| before).collect::<Ranks>().recall();
    RecallRecord {
        r1: recall.r1,
        r5: recall.r5,
    }
}

use super::*;

/// Rows `first..last`; from 300 on those of the start come again.
fn rows(first: u64, last: u64, dim: u64) -> UnitRows {
    let mut rows = UnitRows::new(dim as usize);
    for i in first..last {
        let row: Vec<f64> = (0..dim)
            .map(|j| (crate::mix(5 ^ (i % 300 * dim + j)) >> 40) as f64 - 8_388_608.0)
            .collect();
        rows.push(&row, i);
    }
    rows
}

/// Against the full sort in f64; some rows stand in the corpus twice, so that there are ties.
#[test]
fn lists_equal_a_full_sort() {
    let corpus = rows(0, 400, 24);
    let queries = Queries::of(corpus.clone());
    let partners = || -> Vec<Option<Partner>> {
        let own = (0..400).map(|i| {
            let cosine = dot(corpus.row(i), corpus.row(i));
            let (index, key) = (i as u64, i as u64);
            let nearest = Neighbour { cosine, index };
            Some(Partner { nearest, key })
        });
        own.collect()
    };
    for itself in [true, false] {
        let mut search = Search::new(7, itself).ranking(|index| index);
        search.extend(400, Some(partners()));
        // each pair once, for both of its rows
        let (mut forth, mut back) = (
            Search::new(7, itself).ranking(|index| index),
            Search::new(7, itself).ranking(|index| index),
        );
        forth.extend(400, Some(partners()));
        for (first, block) in blocks(400, 90) {
            search.visit(&queries, 0, &block);
            back.extend(
                block.len(),
                Some(partners().split_off(first)[..block.len()].to_vec()),
            );
            forth.visit_both(&queries, 0, &block, &mut back, first);
        }
        for (i, found) in search.found().iter().enumerate() {
            let all = sorted(&corpus, i, itself);
            let own = dot(corpus.row(i), corpus.row(i));
            let before = all
                .iter()
                .filter(|n| n.index != i as u64)
                .filter(|n| n.cosine > own || n.cosine == own && n.index < i as u64)
                .count();
            assert_eq!(found.before_partner, before as u64);
            assert_eq!(found.nearest, all[..7]);
            assert_eq!(forth.found()[i], *found, "forth {i}");
            assert_eq!(back.found()[i], *found, "back {i}");
        }
    }
}

/// All rows among one another in ranges of queries, each of which sees the blocks from its own first on; block and panel
/// have no bound in common.
#[test]
fn every_pair_is_looked_at_once() {
    let corpus = rows(0, 400, 24);
    for (range, block) in [(400, 400), (270, 90), (180, 30), (90, 45)] {
        let mut search = Search::new(7, true);
        search.extend(400, None);
        for start in (0..400).step_by(range) {
            let queries = Queries::of(rows(start as u64, 400.min((start + range) as u64), 24));
            for (first, block) in blocks(400, block)
                .into_iter()
                .filter(|(first, _)| *first >= start)
            {
                search.visit_among(&queries, start, &block, first);
            }
        }
        for (i, found) in search.found().iter().enumerate() {
            assert_eq!(found.nearest, sorted(&corpus, i, true)[..7], "{range} {i}");
        }
    }
}

/// What partners stand before, where they are far from near: most rows are counted by their scores alone.
#[test]
fn ranks_of_distant_partners() {
    let corpus = rows(0, 290, 24);
    let queries = Queries::of(corpus.clone());
    let partner = |i: u64| (i * 7 + 3) % 290;
    let partners = (0..290_u64).map(|i| {
        let index = partner(i);
        let cosine = dot(corpus.row(i as usize), corpus.row(index as usize));
        let nearest = Neighbour { cosine, index };
        (i % 5 > 0).then_some(Partner { nearest, key: index })
    });
    let mut search = Search::new(3, false).ranking(|index| index);
    search.extend(290, Some(partners.collect()));
    for (_, block) in blocks(290, 100) {
        search.visit(&queries, 0, &block);
    }
    for (i, found) in search.found().iter().enumerate() {
        let all = sorted(&corpus, i, false);
        let rank = all.iter().position(|n| n.index == partner(i as u64)).unwrap();
        assert_eq!(found.before_partner, if i % 5 > 0 { rank as u64 } else { 0 });
    }
}

/// Rows `0..n` in blocks of two parts, beside the place of each block.
fn blocks(n: u64, size: usize) -> Vec<(usize, CorpusBlock)> {
    let starts = (0..n).step_by(size);
    let block = |first: u64| {
        let end = n.min(first + size as u64);
        let middle = first + (end - first) / 3;
        CorpusBlock::of(vec![rows(first, middle, 24), rows(middle, end, 24)])
    };
    starts.map(|first| (first as usize, block(first))).collect()
}

fn sorted(corpus: &UnitRows, i: usize, itself: bool) -> Vec<Neighbour> {
    let others = (0..corpus.len()).filter(|&j| !(itself && i == j));
    let mut all: Vec<Neighbour> = others
        .map(|j| Neighbour {
            cosine: dot(corpus.row(i), corpus.row(j)),
            index: j as u64,
        })
        .collect();
    all.sort_by(|a, b| b.cosine.total_cmp(&a.cosine).then(a.index.cmp(&b.index)));
    all
}

//! Natural order of file names: `img_emb_2` before `img_emb_10`.

use std::cmp::Ordering;

/// The order that files of a folder are read in: compares runs of digits by their number and everything else by its bytes.
pub fn compare(a: &str, b: &str) -> Ordering {
    let (mut left, mut right) = (a.as_bytes(), b.as_bytes());
    while let (Some(&x), Some(&y)) = (left.first(), right.first()) {
        let order = if x.is_ascii_digit() && y.is_ascii_digit() {
            let (m, n) = (take_number(&mut left), take_number(&mut right));
            m.len().cmp(&n.len()).then_with(|| m.cmp(n))
        } else {
            (left, right) = (&left[1..], &right[1..]);
            x.cmp(&y)
        };
        if order.is_ne() {
            return order;
        }
    }
    // equal but for leading zeros: plain order keeps the sort total
    left.len().cmp(&right.len()).then_with(|| a.cmp(b))
}

/// Takes the leading digits off `text` and gives them without leading zeros.
fn take_number<'a>(text: &mut &'a [u8]) -> &'a [u8] {
    let end = text
        .iter()
        .position(|b| !b.is_ascii_digit())
        .unwrap_or(text.len());
    let (digits, rest) = text.split_at(end);
    *text = rest;
    &digits[digits.iter().take_while(|&&b| b == b'0').count()..]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_count_by_value() {
        let mut names = [
            "b_1",
            "a_10",
            "a_2",
            "a_010",
            "a_0",
            "a_2b",
            "a",
            "a_99999999999999999999999",
        ];
        names.sort_by(|a, b| compare(a, b));
        assert_eq!(
            names,
            [
                "a",
                "a_0",
                "a_2",
                "a_2b",
                "a_010",
                "a_10",
                "a_99999999999999999999999",
                "b_1"
            ]
        );
    }
}

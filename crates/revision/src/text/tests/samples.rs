use super::*;
use crate::RevisionError;

fn tokens(ids: &[u32], learn: bool) -> Piece {
    Piece::Tokens {
        ids: ids.to_vec(),
        learn,
    }
}

fn pieces() -> Vec<Piece> {
    vec![
        tokens(&[7, 8], false),
        Piece::Image,
        tokens(&[9], false),
        tokens(&[3, 4], true),
        Piece::Image,
        tokens(&[5], true),
    ]
}

/// Position by position, by hand.
#[test]
fn images_become_positions_and_labels_stay_with_their_tokens() {
    let sample = Sample::new("a", &pieces(), 2, 100).unwrap();
    let visual = |image, token| Position::Visual { image, token };
    let token = Position::Token;
    assert_eq!(
        sample.positions,
        [
            token(7),
            token(8),
            visual(0, 0),
            visual(0, 1),
            token(9),
            token(3),
            token(4),
            visual(1, 0),
            visual(1, 1),
            token(5)
        ]
    );
    let none = None;
    assert_eq!(
        sample.labels,
        [
            none,
            none,
            none,
            none,
            none,
            Some(3),
            Some(4),
            none,
            none,
            Some(5)
        ]
    );
    assert_eq!(sample.learned(), 3);
    let blind = Sample::new("a", &pieces(), 0, 100).unwrap();
    assert_eq!(blind.positions, [7, 8, 9, 3, 4, 5].map(token));
}

/// The cut comes after the images are in their places, as LLaVA does it.
#[test]
fn what_is_beyond_the_length_is_cut_after_expansion() {
    let sample = Sample::new("a", &pieces(), 2, 6).unwrap();
    assert_eq!((sample.positions.len(), sample.learned()), (6, 1));
    let error = Sample::new("a", &pieces(), 2, 5).unwrap_err();
    assert!(matches!(&error, RevisionError::BadSample { id, .. } if id == "a"));
    assert!(
        error.to_string().contains("10 positions and is cut after 5"),
        "{error}"
    );
    let empty = Sample::new("b", &[tokens(&[1, 2], false)], 2, 5).unwrap_err();
    assert!(
        empty.to_string().contains("sample b: there is nothing to learn"),
        "{empty}"
    );
    // nothing comes before the first position that could predict it
    assert!(Sample::new("c", &[tokens(&[1], true)], 2, 5).is_err());
}

#[test]
fn a_common_beginning_ends_before_images_and_before_what_predicts_a_label() {
    let mut prefix = CommonPrefix::default();
    assert!(prefix.ids().is_empty());
    let sample = |last: u32, visual| {
        let pieces = [tokens(&[1, 2, 3], false), Piece::Image, tokens(&[last], true)];
        Sample::new("a", &pieces, visual, 100).unwrap()
    };
    prefix.add(&sample(8, 1));
    prefix.add(&sample(9, 1));
    assert_eq!(prefix.ids(), [1, 2, 3]);
    let rest = prefix.rest(&sample(9, 1));
    assert_eq!(rest.positions.len(), 2);
    assert_eq!(rest.labels, [None, Some(9)]);
    // without an image the third token predicts the label
    prefix.add(&sample(9, 0));
    assert_eq!(prefix.ids(), [1, 2]);
    prefix.add(&Sample::new("b", &[tokens(&[1, 5], false), tokens(&[6], true)], 1, 9).unwrap());
    assert_eq!(prefix.ids(), [1]);
    let other = Sample::new("b", &[tokens(&[4, 5], false), tokens(&[6], true)], 1, 9).unwrap();
    prefix.add(&other);
    assert!(prefix.ids().is_empty());
    assert_eq!(prefix.rest(&other), other);
}

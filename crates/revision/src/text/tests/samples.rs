use super::*;
use crate::Position;

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
fn images_become_positions_and_what_is_learned_stays_with_its_tokens() {
    let sequence = expand("a", &pieces(), 2, 100).unwrap();
    let soft = |image, token| Position::Soft { image, token };
    let (said, learned) = (
        |id| Position::Token { id, learn: false },
        |id| Position::Token { id, learn: true },
    );
    let all = [
        said(7),
        said(8),
        soft(0, 0),
        soft(0, 1),
        said(9),
        learned(3),
        learned(4),
        soft(1, 0),
        soft(1, 1),
        learned(5),
    ];
    assert_eq!(sequence.positions, all);
    assert_eq!((sequence.images, sequence.labels()), (2, 3));
    let blind = expand("a", &pieces(), 0, 100).unwrap();
    assert_eq!(
        blind.positions,
        [said(7), said(8), said(9), learned(3), learned(4), learned(5)]
    );
    assert_eq!(blind.images, 0);
}

/// The cut comes after the images are in their places, as LLaVA does it.
#[test]
fn what_is_beyond_the_length_is_cut_after_expansion() {
    let cut = expand("a", &pieces(), 2, 6).unwrap();
    assert_eq!((cut.positions.len(), cut.labels(), cut.images), (6, 1, 2));
    let error = expand("a", &pieces(), 2, 5).unwrap_err();
    assert_eq!((error.code(), error.sample()), ("BAD_SAMPLE", Some("a")));
    assert!(
        error.to_string().contains("10 positions and is cut after 5"),
        "{error}"
    );
    let empty = expand("b", &[tokens(&[1, 2], false)], 2, 5).unwrap_err();
    assert!(
        empty.to_string().contains("sample b: there is nothing to learn"),
        "{empty}"
    );
}

#[test]
fn the_first_position_is_never_learned() {
    assert!(expand("c", &[tokens(&[1], true)], 2, 5).is_err());
    let sequence = expand("c", &[tokens(&[1, 2], true)], 2, 5).unwrap();
    assert_eq!(sequence.positions[0], Position::Token { id: 1, learn: false });
    assert_eq!(sequence.labels(), 1);
}

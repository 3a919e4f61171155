//! What damaged files and inputs ask of the operations is an error, never a panic.

use std::sync::Arc;

use candle_core::{DType, Device, Tensor};
use modality_gap_nn::ops::{self, Attention, Head};
use modality_gap_nn::{NnError, Tape, Var};

fn zeros(rows: usize, columns: usize) -> Var {
    Var::constant(Tensor::zeros((rows, columns), DType::F32, &Device::Cpu).unwrap())
}

fn refused<T>(found: Result<T, NnError>) {
    match found {
        Err(NnError::BadShape(_)) => {}
        Err(other) => panic!("{other}"),
        Ok(_) => panic!("taken"),
    }
}

#[test]
fn rows_that_a_table_lacks_are_errors() {
    let mut tape = Tape::new();
    let table = zeros(8, 4);
    for row in [8, u32::MAX] {
        refused(ops::embedding(&mut tape, &table, &Arc::from([0, row])));
        refused(ops::assemble(
            &mut tape,
            [&table, &zeros(0, 4)],
            &Arc::from([(false, row)]),
        ));
        refused(ops::assemble(
            &mut tape,
            [&table, &zeros(2, 4)],
            &Arc::from([(true, row)]),
        ));
        let head = Head::Dense(&table);
        refused(ops::token_loss(&mut tape, &zeros(1, 4), &head, &[row], 1.0));
    }
    refused(ops::add_positions(&mut tape, &zeros(6, 4), &zeros(2, 4), 3));
}

#[test]
fn heads_that_do_not_share_a_width_are_an_error() {
    let mut tape = Tape::new();
    for (heads, tokens) in [(5, 3), (0, 3), (4, 4), (4, 0)] {
        let how = Attention {
            heads,
            tokens,
            lengths: None,
            causal: false,
        };
        refused(ops::attention(&mut tape, &zeros(6, 3 * 16), &how));
    }
}

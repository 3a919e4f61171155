//! Records as published with arXiv 2602.07026: a list of dicts of texts, with `embed` as a one-dimensional array of f32.
//!
//! Protocol 4, which plain `pickle.load` opens beside NumPy. What all records share goes into the memo and off the stack
//! again; then the list begins, and records are appended in batches.

/// Places in the memo of what records share: the function that makes arrays, its arguments, their shape and type.
const RECONSTRUCT: &[u8] = b"h\x00";
const ARGUMENTS: &[u8] = b"h\x01";
const SHAPE: &[u8] = b"h\x02";
const DTYPE: &[u8] = b"h\x03";

/// Bytes behind the last batch.
pub const PUBLISHED_END: &[u8] = b".";

/// The beginning of a file of records whose rows have so many columns.
///
/// # Panics
///
/// For 2³¹ columns and more.
pub fn published_start(columns: usize) -> Vec<u8> {
    let columns = i32::try_from(columns).expect("a width is checked when rows are opened");
    let kept = b"\x940";
    [
        b"\x80\x04cnumpy.core.multiarray\n_reconstruct\n".as_slice(),
        kept,
        // the arguments of an array that is still empty: its class, shape (0,), type b'b'
        b"cnumpy\nndarray\nK\x00\x85C\x01b\x87",
        kept,
        b"J",
        &columns.to_le_bytes(),
        b"\x85",
        kept,
        // dtype('f4'), and its state: version 3, little-endian, no fields
        b"cnumpy\ndtype\n\x8c\x02f4\x89\x88\x87R\x94(K\x03\x8c\x01<NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb0",
        b"]",
    ]
    .concat()
}

/// A batch of records: `texts` holds the values of `keys` record by record, `rows` is records × columns, row-major.
///
/// # Panics
///
/// When `texts` or `rows` are not those of one number of records.
pub fn published_records(keys: &[String], texts: &[String], rows: &[f32]) -> Vec<u8> {
    let records = if keys.is_empty() {
        0
    } else {
        texts.len() / keys.len()
    };
    assert_eq!(
        records * keys.len(),
        texts.len(),
        "a text for each key of each record"
    );
    let columns = rows.len().checked_div(records).unwrap_or(0);
    assert_eq!(records * columns, rows.len(), "a row for each record");
    let mut out = b"(".to_vec();
    for (texts, row) in texts
        .chunks_exact(keys.len().max(1))
        .zip(rows.chunks_exact(columns.max(1)))
    {
        out.extend(b"}(");
        for (key, value) in keys.iter().zip(texts) {
            text(&mut out, key);
            text(&mut out, value);
        }
        text(&mut out, "embed");
        array(&mut out, row);
        out.extend(b"u");
    }
    out.extend(b"e");
    out
}

fn array(out: &mut Vec<u8>, row: &[f32]) {
    for part in [RECONSTRUCT, ARGUMENTS, b"R(K\x01", SHAPE, DTYPE, b"\x89"] {
        out.extend(part);
    }
    let bytes: Vec<u8> = row.iter().flat_map(|value| value.to_le_bytes()).collect();
    sized(out, *b"CB", &bytes);
    out.extend(b"tb");
}

fn text(out: &mut Vec<u8>, value: &str) {
    sized(out, [0x8c, b'X'], value.as_bytes());
}

/// Bytes behind an opcode with their length in one byte, or behind its sister with four.
fn sized(out: &mut Vec<u8>, [short, long]: [u8; 2], bytes: &[u8]) {
    if let Ok(length) = u8::try_from(bytes.len()) {
        out.extend([short, length]);
    } else {
        out.push(long);
        let length = u32::try_from(bytes.len()).expect("a text or a row below 4 GiB");
        out.extend(length.to_le_bytes());
    }
    out.extend(bytes);
}

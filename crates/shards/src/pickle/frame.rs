//! Opcodes of one frame.

use std::collections::HashMap;

/// Bytes of a frame; one is as long as the sink's buffer, so that it is not copied again.
const FRAME_BYTES: usize = 256 << 10;
const FRAME_HEADER: usize = 9;
/// Keys that are written once and referred to after that.
const MAX_SHARED_KEYS: u8 = 100;
/// The memo's entries that every record refers to.
pub(super) const KEY: u8 = 0;
pub(super) const RECONSTRUCT: u8 = 1;
pub(super) const ARGUMENTS: u8 = 2;
const SHAPE: u8 = 3;
const DTYPE: u8 = 4;
const FIRST_FREE: u8 = 5;

/// A frame being filled, with room for its header.
pub(super) struct Frame {
    bytes: Vec<u8>,
    keys: HashMap<Vec<u8>, u8>,
}

impl Frame {
    pub fn new() -> Self {
        Self {
            bytes: vec![0; FRAME_HEADER],
            keys: HashMap::new(),
        }
    }

    pub fn is_full(&self) -> bool {
        self.bytes.len() >= FRAME_BYTES
    }

    /// The frame with its header; nothing when it is empty.
    pub fn close(&mut self) -> &[u8] {
        let len = (self.bytes.len() - FRAME_HEADER) as u64;
        if len == 0 {
            return &[];
        }
        self.bytes[0] = 0x95;
        self.bytes[1..FRAME_HEADER].copy_from_slice(&len.to_le_bytes());
        &self.bytes
    }

    pub fn clear(&mut self) {
        self.bytes.truncate(FRAME_HEADER);
    }

    /// What the records share goes into the memo and off the stack again; then the list begins.
    pub fn prelude(&mut self, key: &str, name: &str, dim: usize) {
        self.text(key.as_bytes());
        self.ops(b"\x940");
        self.ops(b"cnumpy.core.multiarray\n_reconstruct\n\x940");
        self.ops(b"cnumpy\nndarray\nK\x00\x85C\x01b\x87\x940");
        self.int(i64::try_from(dim).unwrap_or(i64::MAX));
        self.ops(b"\x85\x940");
        self.ops(b"cnumpy\ndtype\n");
        self.text(name.as_bytes());
        self.ops(b"\x89\x88\x87R\x94");
        self.dtype_state(if cfg!(target_endian = "little") {
            b'<'
        } else {
            b'>'
        });
        self.ops(b"0]");
    }

    /// `(3, order, None, None, None, -1, -1, 0)`, set as the state of the component type below.
    pub fn dtype_state(&mut self, order: u8) {
        self.ops(b"(K\x03");
        self.text(&[order]);
        self.ops(b"NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb");
    }

    /// An array of one row.
    pub fn row(&mut self, bytes: &[u8]) {
        self.reference(RECONSTRUCT);
        self.reference(ARGUMENTS);
        self.ops(b"R(K\x01");
        self.reference(SHAPE);
        self.reference(DTYPE);
        self.op(0x89);
        self.sized(*b"CB", bytes.len());
        self.ops(bytes);
        self.ops(b"tb");
    }

    /// A key, which is written the first time only.
    pub fn shared_key(&mut self, key: &[u8]) {
        if let Some(&entry) = self.keys.get(key) {
            return self.reference(entry);
        }
        self.text(key);
        let entries = self.keys.len() as u8;
        if entries < MAX_SHARED_KEYS {
            self.op(0x94);
            self.keys.insert(key.to_vec(), FIRST_FREE + entries);
        }
    }

    pub fn op(&mut self, op: u8) {
        self.bytes.push(op);
    }

    pub fn ops(&mut self, ops: &[u8]) {
        self.bytes.extend_from_slice(ops);
    }

    pub fn reference(&mut self, entry: u8) {
        self.ops(&[b'h', entry]);
    }

    pub fn int(&mut self, number: i64) {
        if let Ok(small) = i32::try_from(number) {
            self.op(b'J');
            self.ops(&small.to_le_bytes());
        } else {
            self.ops(&[0x8a, 8]);
            self.ops(&number.to_le_bytes());
        }
    }

    pub fn unsigned(&mut self, number: u64) {
        if let Ok(number) = i64::try_from(number) {
            return self.int(number);
        }
        // a ninth byte, so that it is not taken for a negative number
        self.ops(&[0x8a, 9]);
        self.ops(&number.to_le_bytes());
        self.op(0);
    }

    pub fn bytes(&mut self, bytes: &[u8]) {
        self.sized(*b"CB", bytes.len());
        self.ops(bytes);
    }

    pub fn float(&mut self, number: f64) {
        self.op(b'G');
        self.ops(&number.to_be_bytes());
    }

    pub fn text(&mut self, text: &[u8]) {
        self.sized([0x8c, b'X'], text.len());
        self.ops(text);
    }

    /// An opcode with a length of one byte, or its sister with one of four.
    pub fn sized(&mut self, [short, long]: [u8; 2], len: usize) {
        if let Ok(len) = u8::try_from(len) {
            self.ops(&[short, len]);
        } else {
            self.op(long);
            self.ops(&(len as u32).to_le_bytes());
        }
    }
}

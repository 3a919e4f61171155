//! Cells of tables in text.

/// Whether a byte of a table stands in a quoted cell: quotes open at the start of a cell only.
#[derive(Default)]
pub(crate) struct Cells {
    quoted: bool,
    /// A quote inside of a quoted cell, which may be the first of two.
    closing: bool,
    /// Within an unquoted cell.
    begun: bool,
}

impl Cells {
    /// Passes one byte; whether it stands in a quoted cell.
    pub fn pass(&mut self, byte: u8) -> bool {
        if self.closing {
            self.closing = false;
            if byte == b'"' {
                return true;
            }
            self.quoted = false;
        }
        match byte {
            b'"' if self.quoted => self.closing = true,
            b'"' if !self.begun => (self.quoted, self.begun) = (true, true),
            _ if self.quoted => {}
            b',' | b';' | b'\t' | b'\n' => self.begun = false,
            _ => self.begun = true,
        }
        self.quoted
    }
}

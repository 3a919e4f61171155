//! Records of a csv file: RFC 4180, commas, quotes doubled inside quotes.

/// All records, the header among them; empty lines are none.
pub(super) fn records(text: &str) -> Vec<Vec<String>> {
    let mut records = Vec::new();
    let mut record = Vec::new();
    let mut field = String::new();
    let mut quoted = false;
    let mut chars = text.trim_start_matches('\u{feff}').chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '"' if quoted && chars.peek() == Some(&'"') => {
                chars.next();
                field.push('"');
            }
            '"' if quoted => quoted = false,
            '"' if field.is_empty() => quoted = true,
            ',' if !quoted => record.push(std::mem::take(&mut field)),
            '\r' if !quoted && chars.peek() == Some(&'\n') => {}
            '\n' if !quoted => end(&mut records, &mut record, &mut field),
            other => field.push(other),
        }
    }
    end(&mut records, &mut record, &mut field);
    records
}

fn end(records: &mut Vec<Vec<String>>, record: &mut Vec<String>, field: &mut String) {
    if !record.is_empty() || !field.is_empty() {
        record.push(std::mem::take(field));
        records.push(std::mem::take(record));
    }
}

#[cfg(test)]
mod tests {
    use super::records;

    #[test]
    fn quotes_commas_and_line_breaks() {
        let found = records("a,b\r\n\"x, \"\"y\"\"\",\"two\nlines\"\n\n,last");
        assert_eq!(
            found,
            [vec!["a", "b"], vec!["x, \"y\"", "two\nlines"], vec!["", "last"]]
        );
    }
}

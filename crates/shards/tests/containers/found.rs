//! What of a text is found to be its rows, where cells or records leave it open.

use std::io::Write as _;

use modality_gap_shards::{Buffer, Role, ShardError, ShardRef, resolve};

use crate::common::{self, read};

/// Files that a newcomer made with pandas, PostgreSQL's and JavaScript's writers.
#[test]
fn what_stands_beside_missing_rows_is_not_taken_for_them() {
    let folder = tempfile::tempdir().unwrap();
    let opened = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        let found = ShardRef::probe(&path, None)?;
        Ok((found.rows, found.dim))
    };
    let read = |name: &str, text: &str| -> (u64, usize) {
        opened(name, text).unwrap_or_else(|error: ShardError| panic!("{text}: {error}"))
    };
    for first in ["null", "[]"] {
        let text = [first, "[0.1,0.2,0.3]", "[0.4,0.5,0.6]"]
            .map(|row| format!("{{\"size\":[640,480],\"crop\":[1,2],\"embedding\":{row}}}\n"))
            .concat();
        assert_eq!(read("a.jsonl", &text), (3, 3));
        assert_eq!(
            read("a.json", &format!("[{}]", text.trim_end().replace('\n', ","))),
            (3, 3)
        );
    }
    // arrays of some records beside the row, and shapes of pictures
    for text in [
        "{\"id\":1,\"data\":{\"embedding\":[0.5,1.5,2]}}\n{\"id\":2,\"data\":{\"embedding\":[2.5,3.5,1]},\"scores\":[0.9,0.1]}\n",
        "{\"labels\":[],\"response\":{\"embedding\":[0.5,1.5,2]}}\n{\"labels\":[3,4],\"response\":{\"embedding\":[2.5,3.5,1]}}\n",
        "{\"shape\":[480,640,3],\"embedding\":[0.5,1.5,2]}\n{\"shape\":[480,640,3],\"embedding\":[2.5,3.5,1]}\n",
        "{\"0\":5,\"1\":7,\"embedding\":[0.5,1.5,2]}\n{\"0\":5,\"1\":7,\"embedding\":[2.5,3.5,1]}\n",
        "{\"features\":[0.5,1.5,2],\"labels\":[]}\n{\"features\":[2.5,3.5,1],\"labels\":[7]}\n",
    ] {
        assert_eq!(read("b.jsonl", text), (2, 3));
    }
    assert_eq!(read("b.csv", "0,\"[0.5,1.5]\",0.9\n1,\"[0.25,1]\",0.8\n"), (2, 2));
    assert_eq!(
        read("c.csv", "id,embedding,2019,2020\na,\"[0.5,1.5]\",3,4\n"),
        (1, 2)
    );
    assert_eq!(
        read("d.csv", "id,embedding,error\n1,\"[0.5,1.5]\",\n2,#N/A,timeout\n"),
        (2, 2)
    );
    assert_eq!(read("c.json", "[null, [0.1, 0.2]]"), (2, 2));
    assert_eq!(read("c.jsonl", "null\n[0.1, 0.2]\n"), (2, 2));
    assert_eq!(read("d.jsonl", "{\"embedding\": \"[0.1,0.2]\"}\n"), (1, 2));
    assert_eq!(read("e.tsv", "0\ta\t[0.5,1.5]\n1\tb\t[0.5,2]\n"), (2, 2));
    for (name, text, named) in [
        (
            "f.jsonl",
            "{\"text\":[1.5,2],\"image\":null}\n{\"text\":[3,4],\"image\":[1,2]}\n",
            "several arrays of rows",
        ),
        (
            "g.jsonl",
            "{\"id\":0,\"embedding\":{\"cpuData\":{\"0\":0,\"1\":1},\"type\":\"float32\",\"dims\":[1,2],\"size\":2}}",
            "a tensor; write its rows as arrays",
        ),
        (
            "h.jsonl",
            "{\"embedding\":{\"type\":\"float32\",\"dims\":[2,2],\"data\":[1,2,3,4]}}",
            "a tensor; write its rows as arrays",
        ),
        (
            "i.jsonl",
            "{\"id\":1,\"embedding\":{\"type\":\"Buffer\",\"data\":[205,204,204,61]}}",
            "the bytes of a Buffer",
        ),
        (
            "j.jsonl",
            "{\"embedding\":{\"0\":0.5,\"1\":0.25}}",
            "an object of numbers",
        ),
        (
            "k.jsonl",
            "{\"input_ids\":[101,7],\"shape\":[1,768]}",
            "no record has an array",
        ),
        ("l.csv", "0,0,0.5,0.25\n0,1,0.3,0.1\n1,0,0.2,0.9\n", "index=False"),
        ("m.csv", "0.0,0.5,0.25\n1.0,0.3,0.1\n2.0,0.2,0.9\n", "index=False"),
        ("n.csv", "5,6\n0.5,0.25\n", "names of columns or the first row"),
        (
            "o.csv",
            "id,cap,e0,e1\n1,\"a b,1.5,2.5\n2,c,3.5,4.5\n3,\"x y,5.5,6.5\n",
            "closing quote",
        ),
        ("p.csv", "id,embedding\n1,\"{0.5,1.5}\"\n", "holds \"{0.5,1.5}\""),
        ("q.csv", "e0;e1;e2\n0,5;1,5;2\n", "decimal comma"),
    ] {
        let refused = opened(name, text).expect_err(text);
        assert!(refused.to_string().contains(named), "{text}: {refused}");
    }
}

/// The rows of a text, and which of them are bad.
fn rows(name: &str, text: &str) -> Result<(Vec<f64>, Vec<usize>), ShardError> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    std::fs::write(&path, text).unwrap();
    let found = ShardRef::probe(&path, None)?;
    let shard = found.open()?;
    let mut buffer = Buffer::new();
    shard.read(0, found.rows as usize, &mut buffer)?;
    let faults: Vec<usize> = buffer.faults().iter().map(|(row, _)| *row).collect();
    Ok((read(shard.as_ref(), 0, found.rows as usize)?, faults))
}

/// Empty cells at either end, quotes behind another mark than the delimiter, and rows that begin late.
#[test]
fn cells_and_rows_are_cut_as_their_writers_meant() {
    let good = |name: &str, text: &str| {
        rows(name, text)
            .unwrap_or_else(|e: ShardError| panic!("{text}: {e}"))
            .0
    };
    // DataFrame.to_csv(sep='\t'), with its index, texts and empty cells last or first
    assert_eq!(
        good("a.tsv", "\temb_0\temb_1\n0\t0.5\t1.5\n1\t2.5\t3.5\n"),
        [0.5, 1.5, 2.5, 3.5]
    );
    assert_eq!(
        good("b.tsv", "emb_0\temb_1\tnote\n0.5\t1.5\t\n2.5\t3.5\tx\n"),
        [0.5, 1.5, 2.5, 3.5]
    );
    assert_eq!(
        good("c.tsv", "note\temb_0\temb_1\r\n\t0.5\t1.5\r\nx\t2.5\t3.5\r\n"),
        [0.5, 1.5, 2.5, 3.5]
    );
    let (_, faults) = rows("d.tsv", "emb_0\temb_1\n0.5\t1.5\n\t\n2.5\t3.5\n").unwrap();
    assert_eq!(faults, [1]);
    // csv.writer puts no quotes around a text with one behind a semicolon or a tab
    assert_eq!(
        good("e.csv", "caption,e0,e1\na;\"b,0.5,1.5\n\t\"c,2.5,3.5\n"),
        [0.5, 1.5, 2.5, 3.5]
    );
    assert_eq!(
        good("f.csv", "caption;e0;e1\na,\"b;0.5;1.5\nc;2.5;3.5\n"),
        [0.5, 1.5, 2.5, 3.5]
    );
    assert_eq!(good("g.csv", "caption,e0,e1\n\"a;\"\"b\" ,0.5,1.5\n"), [0.5, 1.5]);
    // a delimiter behind or before every record, and lines of a spreadsheet without cells
    for (name, text) in [
        ("q.tsv", "0.5\t1.5\t\n2.5\t3.5\t\n"),
        ("r.tsv", "emb_0\temb_1\n0.5\t1.5\t\n2.5\t3.5\t\n"),
        ("s.tsv", "\t0.5\t1.5\n\t2.5\t3.5\n"),
        ("t.csv", "emb_0,emb_1\n0.5,1.5,\n2.5,3.5,\n"),
        ("u.csv", ",,\n,,\nid,emb_0,emb_1\n7,0.5,1.5\n8,2.5,3.5\n"),
        // one column of lists has no delimiter
        ("v.csv", "embedding\n[0.5, 1.5]\n[2.5, 3.5]\n"),
        ("w.tsv", "embedding\n[0.5, 1.5]\n[2.5, 3.5]\n"),
    ] {
        assert_eq!(good(name, text), [0.5, 1.5, 2.5, 3.5], "{text:?}");
    }
    let long = format!("cap;e0;e1\n{};0.5;1.5\n", "x".repeat(3 << 20));
    assert_eq!(good("y.csv", &long), [0.5, 1.5]);
    let long = format!("{};e0;e1\n1;0.5;1.5\n", "x".repeat(3 << 20));
    assert_eq!(good("z.csv", &long), [0.5, 1.5]);
    // the row of a record that lacks its own is not another array of it
    assert_eq!(
        good(
            "i.jsonl",
            "{\"crop\":[1,2,3,4]}\n{\"crop\":[1,2,3,4],\"embedding\":[0.5,1.5]}\n"
        )[2..],
        [0.5, 1.5]
    );
    assert_eq!(
        good(
            "j.jsonl",
            "{\"embedding_text\":\"[101,7]\",\"embedding\":[0.5,1.5]}\n"
        ),
        [0.5, 1.5]
    );
}

#[test]
fn a_cell_at_an_end_that_is_empty_at_first_is_not_lost() {
    let first = "1.5,2.5,0.5,\n".repeat(1001);
    let (values, faults) = rows("a.csv", &format!("{first}3.5,4.5,0.5,7.5\n")).unwrap();
    assert_eq!((values.len(), &faults[..]), (3 * 1002, &[1001][..]));
    // row names of R beside an empty text, and an index behind a delimiter
    for text in [
        "emb_0,emb_1,emb_2,note\n1,0.5,0.25,0.125,\n2,1.5,2,3,\n",
        ",0,0.5,0.25\n,1,0.1,0.2\n,2,0.3,0.7\n",
    ] {
        assert!(rows("b.csv", text).is_err(), "{text}");
    }
}

#[test]
fn cells_and_rows_that_may_be_others_are_refused() {
    for (name, text, named) in [
        (
            "k.jsonl",
            "{\"features\":[1,2]}\n{\"features\":[3,4],\"title_embedding\":[0.5,1.5]}\n",
            "choose one: #features, #title_embedding",
        ),
        ("l.jsonl", "{\"tokens\":[1,2]}\n", "choose one: #tokens"),
        (
            "m.json",
            "{\"dims\":[2,2],\"type\":\"float32\",\"data\":[1,2,3,4]}",
            "holds a tensor; write its rows",
        ),
        ("n.json", "{\"0\":0.5,\"1\":0.25}", "holds an object of numbers"),
        (
            "o.csv",
            "id,embedding\n1,[0.5,1.5]\n",
            "put lists in double quotes",
        ),
        (
            "p.csv",
            "caption,e0,e1\na,0.5,1.5\n\"b\" c,2.5,3.5\n",
            "row 1 has text behind a closing quote",
        ),
    ] {
        let refused = rows(name, text).expect_err(text).to_string();
        assert!(refused.contains(named), "{text}: {refused}");
    }
    let refused = rows(
        "r.json",
        "{\"type\":\"photo\",\"shape\":[640,480],\"caption\":\"x\"}",
    );
    assert!(!refused.unwrap_err().to_string().contains("tensor"));
    let folder = tempfile::tempdir().unwrap();
    let packed = folder.path().join("ids.csv.gz");
    let text = b"id,caption\n7,a\n8,\"b\" c\n";
    let mut encoder = flate2::write::GzEncoder::new(
        std::fs::File::create(&packed).unwrap(),
        flate2::Compression::default(),
    );
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap();
    let refused = common::ids(&packed, None, &["image_id", "id"])
        .unwrap_err()
        .to_string();
    assert!(
        refused.contains("row 1 has text behind a closing quote"),
        "{refused}"
    );
}

/// What chooses the rows of such records, and their columns.
fn chosen(role: Role, lines: &[&str]) -> Result<(String, usize), String> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("rows.jsonl");
    std::fs::write(&path, lines.join("\n")).unwrap();
    let source = resolve(&[path.display().to_string()], role).map_err(|error| error.to_string())?;
    let selector = source.shards[0].selector.clone();
    Ok((selector.unwrap_or_default(), source.shards[0].dim))
}

/// Records as services and scripts write them when some of their values are missing.
#[test]
fn each_side_has_its_own_rows_where_the_first_record_lacks_them() {
    let refused = |role: Role, lines: &[&str]| chosen(role, lines).expect_err(&lines.concat());
    let chosen =
        |role: Role, lines: &[&str]| chosen(role, lines).unwrap_or_else(|e| panic!("{lines:?}: {e}"));
    for nothing in [
        "\"image_embedding\":null,",
        "\"image_embedding\":[],",
        "\"image_embedding\":[null,null],",
        "",
    ] {
        let lines = [
            format!("{{{nothing}\"text_embedding\":[9,8,7]}}"),
            "{\"image_embedding\":[0.5,1.5],\"text_embedding\":[7,6,5]}".to_owned(),
        ];
        let lines = [&lines[0][..], &lines[1][..]];
        assert_eq!(
            chosen(Role::Image, &lines),
            ("image_embedding".to_owned(), 2),
            "{nothing}"
        );
        assert_eq!(chosen(Role::Text, &lines).1, 3, "{nothing}");
        assert!(refused(Role::Other, &lines).contains("choose one"), "{nothing}");
    }
    let all_null = ["{\"image_embedding\":null,\"text_embedding\":[9,8]}"; 3];
    assert!(refused(Role::Image, &all_null).contains("no row under #image_embedding"));
    for (lines, key) in [
        (
            &[
                "{\"embedding\":null,\"title_embedding\":[1,2]}",
                "{\"embedding\":[3,4],\"title_embedding\":[1,2]}",
            ][..],
            "embedding",
        ),
        (&["{\"embedding\":\"[0.5,1.5]\",\"vec_norm\":[1.0]}"], "embedding"),
        (
            &[
                "{\"members\":[1,2],\"embedding\":null}",
                "{\"members\":[3,4],\"embedding\":[0.5,1.5]}",
            ],
            "embedding",
        ),
        (
            &[
                "{\"meta\":{\"scores\":[1,2]}}",
                "{\"embedding\":[0.5,1.5],\"meta\":{\"scores\":[1,2]}}",
            ],
            "embedding",
        ),
        (
            &[
                "{\"embedding_tokens\":[101,7],\"crop\":[1]}",
                "{\"embedding\":[0.5,1.5],\"embedding_tokens\":[101,7],\"crop\":[1]}",
            ],
            "embedding",
        ),
        (&["{\"embedding\":\"AACAPwAAAMA=\",\"text\":\"a\"}"], ""),
    ] {
        assert_eq!(chosen(Role::Other, lines), (key.to_owned(), 2), "{lines:?}");
    }
    let sides = ["{\"image_embedding\":\"[0.5,1.5]\",\"text_embedding\":[9.5,8.5,7]}"];
    assert_eq!(chosen(Role::Image, &sides).1, 2);
    assert_eq!(chosen(Role::Text, &sides).1, 3);
    for lines in [
        &[
            "{\"t\":null,\"features\":[0.5,1.5],\"crop\":[1,2]}",
            "{\"t\":\"x\",\"features\":null,\"crop\":[3,4]}",
        ][..],
        &["{\"embedding\":\"[0.5,1.5]\",\"embedding_ms\":[1,2]}"],
        // the name of a video, and two numbers
        &["{\"embed\":\"dQw4w9WgXcQ\",\"features\":[0.5,1.5]}"],
        &["{\"embedding\":\"AACAPwAAAMA=\",\"member_ages\":[1,2]}"],
    ] {
        assert!(refused(Role::Other, lines).contains("choose one"), "{lines:?}");
    }
    let nested = [
        "{\"features\":[0.5,1.5]}",
        "{\"features\":null,\"meta\":{\"embedding\":[1,2]}}",
    ];
    assert_eq!(chosen(Role::Other, &nested), (String::new(), 2));
}

#[test]
fn names_of_a_side_are_no_rows_beside_names_of_rows() {
    // other arrays of a side, of which one is called as rows are
    for (role, lines) in [
        (
            Role::Image,
            &[
                "{\"image_hw\":[640,480]}",
                "{\"image_hw\":[640,480],\"image_embedding\":[0.5,1.5]}",
            ][..],
        ),
        (
            Role::Other,
            &[
                "{\"embedding_scores\":[0,5],\"embedding\":null}",
                "{\"embedding_scores\":[0,5],\"embedding\":[0.5,1.5]}",
            ],
        ),
        (
            Role::Text,
            &["{\"text_spans\":[0,5],\"clip_text_embedding\":[0.5,1.5]}"],
        ),
        (
            Role::Image,
            &["{\"image\":[640,480],\"image_embedding\":\"[0.5,1.5]\"}"],
        ),
        (Role::Other, &["{\"emb\":[1,2],\"embedding\":\"[0.5,1.5]\"}"]),
    ] {
        assert!(
            chosen(role, lines).unwrap_err().contains("choose one"),
            "{lines:?}"
        );
    }
    // null keys of the side that are no rows
    for (role, line) in [
        (
            Role::Image,
            "{\"embedding\":[0.5,1.5],\"image_url\":null,\"caption\":\"a\"}",
        ),
        (Role::Image, "{\"vector\":[0.5,1.5],\"image\":null}"),
        (Role::Text, "{\"embedding\":[0.5,1.5],\"text\":null}"),
        (Role::Other, "{\"values\":[0.5,1.5],\"embedding_model\":null}"),
        (Role::Other, "{\"vector\":null,\"vectors\":{\"image\":[0.5,1.5]}}"),
        (Role::Image, "{\"vector\":[],\"vectors\":{\"image\":[0.5,1.5]}}"),
        (Role::Image, "{\"image\":[0.5,1.5],\"text_embedding\":[1,2,3]}"),
        (Role::Other, "{\"e\":[1,2,3],\"embedding\":\"[0.5,1.5]\"}"),
    ] {
        assert_eq!(chosen(role, &[line]).map(|found| found.1), Ok(2), "{line}");
    }
}

//! Thoughts: what a model writes between `<think>` and `</think>` before it answers.

/// Spellings in published templates: of Qwen 3, DeepSeek and most others; of Magistral; of Seed-OSS; of Command A; of Kimi VL; of
/// EXAONE Deep.
const TAGS: [(&str, &str); 6] = [
    ("<think>", "</think>"),
    ("[THINK]", "[/THINK]"),
    ("<seed:think>", "</seed:think>"),
    ("<|START_THINKING|>", "<|END_THINKING|>"),
    ("◁think▷", "◁/think▷"),
    ("<thought>", "</thought>"),
];

/// Bytes at the start of `text` that are an empty block of thoughts with the line ends behind it; the block may have been
/// opened at the end of `before`.
pub fn empty_thought(before: &str, text: &str) -> usize {
    let begun = text.trim_start();
    let rest = TAGS.iter().find_map(|(open, close)| {
        let inside = match begun.strip_prefix(open) {
            Some(inside) => inside.trim_start(),
            None if before.trim_end().ends_with(open) => begun,
            None => return None,
        };
        inside.strip_prefix(close)
    });
    rest.map_or(0, |rest| text.len() - rest.trim_start_matches(['\n', '\r']).len())
}

/// What follows a block of thoughts with which a text begins, where it has one.
pub(super) fn behind_thought(text: &str) -> Option<&str> {
    let begun = text.trim_start();
    let (_, close) = TAGS.iter().find(|(open, _)| begun.starts_with(open))?;
    let (_, rest) = begun.rsplit_once(close)?;
    Some(rest.trim_start())
}

/// Bytes of the opening tag at the end of a text, with the white space around it.
pub(super) fn open_at_end(text: &str) -> usize {
    let trimmed = text.trim_end();
    let open = TAGS.iter().find_map(|(open, _)| trimmed.strip_suffix(open));
    open.map_or(0, |before| text.len() - before.trim_end_matches('\n').len())
}

/// Parts an answer that comes in pieces into thoughts and what follows them.
#[derive(Debug, Default)]
pub struct Thinking {
    state: State,
    thought: bool,
    /// Text that is not distinguished yet, or the thoughts so far.
    held: String,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Nothing but white space and what may become an opening tag.
    #[default]
    Beginning,
    /// Behind the opening tag of that number.
    Inside(usize),
    /// Behind the closing tag, where white space belongs to neither.
    Between,
    Answer,
}

impl Thinking {
    /// An answer to `prompt`, whose end may have opened a block of thoughts.
    pub fn after(prompt: &str) -> Self {
        let end = prompt.trim_end();
        let open = TAGS.iter().position(|(open, _)| end.ends_with(open));
        Self {
            state: open.map_or(State::Beginning, State::Inside),
            thought: open.is_some(),
            held: String::new(),
        }
    }

    /// What this piece adds to the answer.
    pub fn push(&mut self, piece: &str) -> String {
        if self.state == State::Answer {
            return piece.to_owned();
        }
        self.held.push_str(piece);
        loop {
            match self.state {
                State::Beginning => {
                    let begun = self.held.trim_start();
                    if let Some(tag) = TAGS.iter().position(|(open, _)| begun.starts_with(open)) {
                        self.held = begun[TAGS[tag].0.len()..].to_owned();
                        self.state = State::Inside(tag);
                        self.thought = true;
                        continue;
                    }
                    if TAGS.iter().any(|(open, _)| open.starts_with(begun)) {
                        return String::new();
                    }
                    self.state = State::Answer;
                    return std::mem::take(&mut self.held);
                }
                State::Inside(tag) => {
                    let close = TAGS[tag].1;
                    let Some(at) = self.held.find(close) else {
                        return String::new();
                    };
                    let rest = self.held.split_off(at + close.len());
                    self.held = rest;
                    self.state = State::Between;
                }
                State::Between => {
                    let rest = self.held.trim_start();
                    if rest.is_empty() {
                        return String::new();
                    }
                    let rest = rest.to_owned();
                    self.held.clear();
                    self.state = State::Answer;
                    return rest;
                }
                State::Answer => return String::new(),
            }
        }
    }

    /// Whether a token's spelling opens or closes a block.
    pub fn is_tag(spelling: &str) -> bool {
        TAGS.iter()
            .any(|(open, close)| spelling == *open || spelling == *close)
    }

    /// Whether a block of thoughts has begun.
    pub fn has_thought(&self) -> bool {
        self.thought
    }

    /// Whether what came so far is, or may be, no part of the answer.
    pub fn waits(&self) -> bool {
        self.state != State::Answer
    }

    /// What is left for the answer at its end: a beginning that never became a tag. Thoughts without an end are none.
    pub fn finish(&mut self) -> String {
        match self.state {
            State::Beginning => std::mem::take(&mut self.held),
            _ => String::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_block_is_found_with_its_line_ends() {
        for (before, text, rest) in [
            ("assistant\n", "<think>\n\n</think>\n\n a cat", " a cat"),
            ("assistant\n<think>\n", "\n</think>\n\na", "a"),
            ("", "<think></think>a", "a"),
            ("", "◁think▷◁/think▷a", "a"),
            ("<thought>\n", "\n</thought>\na", "a"),
            ("[ASSISTANT]", "[THINK] [/THINK]a", "a"),
        ] {
            let length = empty_thought(before, text);
            assert_eq!(&text[length..], rest, "{before:?} {text:?}");
        }
        for (before, text) in [
            ("", "<think>\nb\n</think>\n\na"),
            ("", "a <think></think>"),
            ("a", "</think>b"),
            ("", ""),
        ] {
            assert_eq!(empty_thought(before, text), 0, "{before:?} {text:?}");
        }
        let opened = "<|assistant|>\n<think>\n";
        assert_eq!(&opened[..opened.len() - open_at_end(opened)], "<|assistant|>");
        assert_eq!(open_at_end("a"), 0);
    }

    /// As templates of transformers cut it: `content.split('</think>')[-1]`.
    #[test]
    fn the_answer_follows_the_last_block() {
        for (text, rest) in [
            ("<think>a</think>b", Some("b")),
            ("<think>a</think>\nb</think>\n\nc", Some("c")),
            ("\n<think>a</think>b<think>c</think> d", Some("d")),
            ("<think>a", None),
            ("a</think>b", None),
        ] {
            assert_eq!(behind_thought(text), rest, "{text:?}");
        }
    }

    /// Cut anywhere, the answer is the same.
    #[test]
    fn an_answer_is_what_follows_the_thoughts() {
        for (prompt, text, answer) in [
            ("assistant\n", "<think>\nIt has fur.\n</think>\n\na cat", "a cat"),
            (
                "assistant\n",
                "<think>\n\n</think>\n\na cat </think>",
                "a cat </think>",
            ),
            ("assistant\n<think>\n", "fur\n</think>\n\na cat", "a cat"),
            (
                "assistant\n",
                " a <think>b</think> cat",
                " a <think>b</think> cat",
            ),
            ("assistant\n", "<thin", "<thin"),
            ("assistant\n", "◁think▷fur◁/think▷ a cat", "a cat"),
            ("assistant\n<thought>", "fur</thought>\na cat", "a cat"),
            ("assistant\n", "<thought", "<thought"),
            ("assistant\n", "\n<thing>", "\n<thing>"),
            ("assistant\n", "<think>fur", ""),
            ("assistant\n", "", ""),
        ] {
            let letters: Vec<char> = text.chars().collect();
            for size in 1..=letters.len().max(1) {
                let mut thinking = Thinking::after(prompt);
                let mut found = String::new();
                for piece in letters.chunks(size) {
                    found += &thinking.push(&piece.iter().collect::<String>());
                }
                found += &thinking.finish();
                assert_eq!(found, answer, "{text:?} by {size}");
            }
        }
    }
}

//! Templates that many models share, written from their published strings.

use super::super::TextCodec;
use super::super::script::Script;
use super::special::needed;
use crate::Result;

/// How turns are written.
pub(super) trait Style: Send + Sync {
    /// What stands before the first turn.
    fn begin(&self, script: &mut Script, system: Option<&str>);
    /// A turn of the user and the assistant's opening; `system` with the first turn only.
    fn question(&self, script: &mut Script, text: &str, system: Option<&str>);
    /// What the assistant says, to be learned with its end.
    fn answer(&self, script: &mut Script, text: &str);
    /// The token that ends an answer.
    fn end(&self) -> u32;
}

/// `USER: … ASSISTANT: …`, LLaVA's `v1` and Bunny's: one space between the parts, a token at the end of an answer.
pub(super) struct Roles {
    pub bos: Option<u32>,
    pub end: u32,
}

/// The system text of Vicuna 1.1, which LLaVA and Bunny took over.
const SYSTEM: &str = "A chat between a curious user and an artificial intelligence assistant. The assistant gives \
                      helpful, detailed, and polite answers to the user's questions.";

impl Style for Roles {
    fn begin(&self, script: &mut Script, system: Option<&str>) {
        script.begin(self.bos);
        script.text(system.unwrap_or(SYSTEM), false);
        script.text(" ", false);
    }

    fn question(&self, script: &mut Script, text: &str, _: Option<&str>) {
        script.text("USER: ", false);
        script.content(text, false);
        script.text(" ASSISTANT:", false);
    }

    fn answer(&self, script: &mut Script, text: &str) {
        script.text(" ", true);
        script.content(text, true);
        script.special(self.end, true);
    }

    fn end(&self) -> u32 {
        self.end
    }
}

/// `<|im_start|>ROLE … <|im_end|>`, OpenAI's markup, as SmolLM2 and Qwen write it.
pub(super) struct Chatml {
    bos: Option<u32>,
    start: u32,
    end: u32,
}

impl Chatml {
    pub fn new(codec: &TextCodec, bos: Option<u32>) -> Result<Self> {
        Ok(Self {
            bos,
            start: needed(codec, "chatml", "<|im_start|>")?,
            end: needed(codec, "chatml", "<|im_end|>")?,
        })
    }

    fn turn(&self, script: &mut Script, role: &str, text: &str) {
        script.special(self.start, false);
        script.text(role, false);
        script.text("\n", false);
        script.content(text, false);
        script.special(self.end, false);
        script.text("\n", false);
    }
}

impl Style for Chatml {
    fn begin(&self, script: &mut Script, system: Option<&str>) {
        script.begin(self.bos);
        if let Some(system) = system {
            self.turn(script, "system", system);
        }
    }

    fn question(&self, script: &mut Script, text: &str, _: Option<&str>) {
        self.turn(script, "user", text);
        script.special(self.start, false);
        script.text("assistant\n", false);
    }

    fn answer(&self, script: &mut Script, text: &str) {
        script.content(text, true);
        script.special(self.end, true);
        script.text("\n", false);
    }

    fn end(&self) -> u32 {
        self.end
    }
}

/// Llama 3's headers; texts lose the white space around them.
pub(super) struct Llama3 {
    bos: u32,
    header: (u32, u32),
    end: u32,
}

impl Llama3 {
    pub fn new(codec: &TextCodec) -> Result<Self> {
        let token = |token: &str| needed(codec, "llama", token);
        Ok(Self {
            bos: token("<|begin_of_text|>")?,
            header: (token("<|start_header_id|>")?, token("<|end_header_id|>")?),
            end: token("<|eot_id|>")?,
        })
    }

    fn header(&self, script: &mut Script, role: &str) {
        script.special(self.header.0, false);
        script.text(role, false);
        script.special(self.header.1, false);
        script.text("\n\n", false);
    }

    fn turn(&self, script: &mut Script, role: &str, text: &str) {
        self.header(script, role);
        script.content(text.trim(), false);
        script.special(self.end, false);
    }
}

impl Style for Llama3 {
    fn begin(&self, script: &mut Script, system: Option<&str>) {
        script.begin(Some(self.bos));
        if let Some(system) = system {
            self.turn(script, "system", system);
        }
    }

    fn question(&self, script: &mut Script, text: &str, _: Option<&str>) {
        self.turn(script, "user", text);
        self.header(script, "assistant");
    }

    fn answer(&self, script: &mut Script, text: &str) {
        script.content(text.trim(), true);
        script.special(self.end, true);
    }

    fn end(&self) -> u32 {
        self.end
    }
}

/// Llama 2's `[INST] … [/INST]`; every round is a text of its own, and the system text stands in the first question.
pub(super) struct Llama2 {
    pub bos: Option<u32>,
    pub end: u32,
}

impl Style for Llama2 {
    fn begin(&self, _: &mut Script, _: Option<&str>) {}

    fn question(&self, script: &mut Script, text: &str, system: Option<&str>) {
        script.begin(self.bos);
        script.text("[INST] ", false);
        if let Some(system) = system {
            script.text(&format!("<<SYS>>\n{system}\n<</SYS>>\n\n"), false);
        }
        script.content(text.trim(), false);
        script.text(" [/INST]", false);
    }

    fn answer(&self, script: &mut Script, text: &str) {
        script.text(" ", true);
        script.content(text.trim(), true);
        script.text(" ", true);
        script.special(self.end, true);
    }

    fn end(&self) -> u32 {
        self.end
    }
}

//! What can be chosen about a template.

use serde_json::{Map, Value as Json};

/// What can be chosen about a template.
#[derive(Debug, Clone, PartialEq)]
pub struct TemplateOptions {
    /// Whether `plain` ends a caption with the token of the end; the published recipe does not.
    pub end_token: bool,
    /// What a model's own template is informed of the time, in seconds since 1970; it may print the day.
    pub now: i64,
    /// What else a model's own template is given, such as `enable_thinking`.
    pub arguments: Map<String, Json>,
}

impl Default for TemplateOptions {
    /// With the end token; on 2024-07-26, which templates of Llama 3 take for today when they are given nothing.
    fn default() -> Self {
        Self {
            end_token: true,
            now: 1_721_952_000,
            arguments: Map::new(),
        }
    }
}

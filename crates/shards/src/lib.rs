//! Embedding containers, in and out.

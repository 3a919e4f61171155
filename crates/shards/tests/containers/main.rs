//! Containers in and out, against files of other programs and against hostile ones.

mod common;
mod hostile;
mod read;
mod rows;
mod sources;
mod write;

//! Containers in and out, against files of other programs and against hostile ones.

mod beside;
mod cards;
mod common;
mod databases;
mod ends;
mod formats;
mod found;
mod hostile;
mod read;
mod rows;
mod sources;
mod splits;
mod text;
mod torch;
mod write;

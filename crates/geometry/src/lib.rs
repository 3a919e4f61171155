//! The science: moments, alignment, the gap and its metrics. Pure: no files.

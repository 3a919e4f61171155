//! Jobs over shards: scans, shard tasks with receipts, fitting, transforming, measuring.

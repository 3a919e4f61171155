//! JSON that another process hands over: jobs, tasks of shards and receipts. What is read is written and read again.
#![no_main]

use libfuzzer_sys::fuzz_target;
use modality_gap_tasks::{Job, Receipt, TaskReceipt, TaskSpec};

fuzz_target!(|data: &[u8]| {
    let _ = serde_json::from_slice::<Job>(data);
    if let Ok(spec) = serde_json::from_slice::<TaskSpec>(data) {
        let text = serde_json::to_string(&spec).expect("a task is written");
        serde_json::from_str::<TaskSpec>(&text).expect("what was written is read");
    }
    if let Ok(receipt) = serde_json::from_slice::<TaskReceipt>(data) {
        let text = serde_json::to_string(&receipt).expect("a receipt is written");
        serde_json::from_str::<TaskReceipt>(&text).expect("what was written is read");
    }
    let _ = serde_json::from_slice::<Receipt>(data);
});

//! Any bytes have costs or an error, and the costs keep their promises. The first byte chooses the length of free axes.
#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../../examples/fuzz/check.rs"]
mod check;

fuzz_target!(|bytes: &[u8]| {
    if let Some((choice, model)) = bytes.split_first() {
        check::check(model, 1 << (choice % 50));
    }
});

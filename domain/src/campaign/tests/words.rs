//! The words of a campaign file that the cell's own types read.

use crate::{Affinity, ProviderName};

#[test]
fn a_provider_has_one_name_however_it_is_spelled() {
    for (spelled, short, long) in [
        ("cpu", "cpu", "CPUExecutionProvider"),
        ("CPUExecutionProvider", "cpu", "CPUExecutionProvider"),
        ("nv-tensorrt-rtx", "nv-tensorrt-rtx", "NvTensorRTRTXExecutionProvider"),
        ("TensorrtExecutionProvider", "tensorrt", "TensorrtExecutionProvider"),
        ("HailoExecutionProvider", "HailoExecutionProvider", "HailoExecutionProvider"),
    ] {
        let name = ProviderName::parse(spelled).unwrap_or_else(|| panic!("{spelled} is refused"));
        assert_eq!((name.as_str(), name.execution_provider()), (short, long));
        assert_eq!(ProviderName::parse(name.as_str()), Some(name));
    }
    assert!(ProviderName::parse("CPUExecutionProvider").is_some_and(|name| name.is_cpu()));
    assert!(ProviderName::known().all(|name| ProviderName::parse(name).is_some_and(|parsed| parsed.as_str() == name)));
}

#[test]
fn what_names_no_provider_is_refused() {
    for text in ["", "gpu", "CPU", "ExecutionProvider", "a/bExecutionProvider", "cpu "] {
        assert_eq!(ProviderName::parse(text), None, "{text:?}");
    }
    assert_eq!(ProviderName::parse(&format!("{}ExecutionProvider", "A".repeat(64))), None);
}

#[test]
fn an_affinity_is_a_word_or_a_sorted_list() {
    for (text, expected) in [
        ("any", Affinity::Any),
        ("big", Affinity::Big),
        ("little", Affinity::Little),
        ("3", Affinity::Cpus(vec![3])),
        ("0-3,6", Affinity::Cpus(vec![0, 1, 2, 3, 6])),
        ("6, 0 - 2,1", Affinity::Cpus(vec![0, 1, 2, 6])),
        ("4095", Affinity::Cpus(vec![4095])),
    ] {
        assert_eq!(Affinity::parse(text), Some(expected.clone()), "{text:?}");
        assert_eq!(Affinity::parse(&expected.to_string()), Some(expected), "{text:?}");
    }
}

#[test]
fn what_names_no_processors_is_refused() {
    for text in ["", "medium", "3-1", "0-4096", "0-99999999999", "1,,2", "-1", "1-", "0-1-2", "1.5"] {
        assert_eq!(Affinity::parse(text), None, "{text:?}");
    }
}

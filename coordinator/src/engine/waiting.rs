//! Why ready runs wait, in one sentence for people. Pure.

use domain::{Labels, Selector};

/// `None` if every selector has a connected device, busy or not. `devices`: name and effective labels, by name.
pub(super) fn waiting_reason(selectors: &[Selector], devices: &[(String, Labels)]) -> Option<String> {
    if selectors.is_empty() {
        return None;
    }
    if devices.is_empty() {
        return Some("no device is connected".to_owned());
    }
    let unmatched = selectors.iter().find(|selector| !devices.iter().any(|(_, labels)| selector.matches(labels)))?;
    let (name, labels) = devices.iter().min_by_key(|(_, labels)| missing(unmatched, labels))?;
    let lacks = unmatched.first_mismatch(labels)?;
    Some(format!("no connected device matches {unmatched} (nearest: {name} lacks {lacks})"))
}

/// How many terms the labels do not satisfy.
fn missing(selector: &Selector, labels: &Labels) -> usize {
    let text = selector.to_string();
    let terms = text.split(',').filter_map(|term| term.parse::<Selector>().ok());
    terms.filter(|term| !term.matches(labels)).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reason(selectors: &[&str], devices: &[(&str, &[(&str, &str)])]) -> Option<String> {
        let selectors: Vec<_> = selectors.iter().map(|text| text.parse().expect("a selector")).collect();
        let devices: Vec<_> = devices
            .iter()
            .map(|(name, labels)| {
                let mut labels: Labels =
                    labels.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
                labels.insert("name".to_owned(), (*name).to_owned());
                ((*name).to_owned(), labels)
            })
            .collect();
        waiting_reason(&selectors, &devices)
    }

    #[test]
    fn the_nearest_device_and_what_it_lacks_are_named() {
        let devices: [(&str, &[_]); 2] = [("attic", &[("os", "macos")]), ("desk-1", &[("os", "linux")])];
        assert_eq!(
            reason(&["any", "class=orin,os=linux"], &devices).as_deref(),
            Some("no connected device matches class=orin,os=linux (nearest: desk-1 lacks class=orin)")
        );
    }

    #[test]
    fn without_devices_that_is_the_reason() {
        assert_eq!(reason(&["class=orin"], &[]).as_deref(), Some("no device is connected"));
    }

    #[test]
    fn runs_that_wait_for_a_busy_device_have_no_reason_to_give() {
        assert_eq!(reason(&["desk-1"], &[("desk-1", &[])]), None);
        assert_eq!(reason(&[], &[]), None);
    }
}

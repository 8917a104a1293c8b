use super::*;

fn series(name: &str, quantity: Quantity, values: &[f64]) -> Series {
    let times_ns = (0_i64..).take(values.len()).map(|number| number * 500_000_000).collect();
    Series { name: name.to_owned(), quantity, times_ns, values: values.to_vec() }
}

fn signal(cause: ThrottleCause, events: u64, share: Option<f64>) -> ThrottleSignal {
    ThrottleSignal { name: "throttle/x".to_owned(), cause, events, share }
}

fn of(throttle: Vec<ThrottleSignal>) -> HeatFigure {
    let windows =
        domain::Windows { measuring: Some(Window { begin_ns: 0, end_ns: 10_000_000_000 }), ..Default::default() };
    let told = Telemetry { throttle, windows, ..Telemetry::default() };
    heat(
        &told,
        &[
            series("zone/cpu", Quantity::Temperature, &[40.0, 50.0, 45.0]),
            series("zone/gpu", Quantity::Temperature, &[42.0, 41.0, 41.0]),
            series("other-zone/battery", Quantity::Temperature, &[99.0, 99.0, 99.0]),
            series("clock/policy0", Quantity::Frequency, &[1000.0, 1500.0, 1500.0]),
            series("clock/gpu", Quantity::Frequency, &[9000.0, 9000.0, 9000.0]),
        ],
    )
}

#[test]
fn the_hottest_zone_that_counts_is_the_devices_temperature() {
    let heat = of(Vec::new());
    assert_eq!((heat.start_c, heat.max_c, heat.end_c), (Some(42.0), Some(50.0), Some(45.0)));
    assert_eq!((heat.clock_median_mhz, heat.clock_p5_mhz), (Some(1500.0), Some(1000.0)));
}

#[test]
fn silence_is_not_innocence() {
    assert_eq!(of(Vec::new()).throttle, ThrottleVerdict::Unknown);
    assert_eq!(of(vec![signal(ThrottleCause::Thermal, 0, None)]).throttle, ThrottleVerdict::None);
}

#[test]
fn heat_and_supply_always_count_and_a_limit_of_power_may_be_where_a_board_lives() {
    for (told, expected) in [
        (signal(ThrottleCause::Thermal, 1, Some(0.01)), ThrottleVerdict::Throttled),
        (signal(ThrottleCause::Supply, 1, None), ThrottleVerdict::Throttled),
        (signal(ThrottleCause::PowerLimit, 100, None), ThrottleVerdict::Light),
        (signal(ThrottleCause::PowerLimit, 1000, None), ThrottleVerdict::Throttled),
        (signal(ThrottleCause::PowerLimit, 1, Some(0.02)), ThrottleVerdict::Light),
        (signal(ThrottleCause::PowerLimit, 1, Some(0.5)), ThrottleVerdict::Throttled),
    ] {
        let found = of(vec![told.clone(), signal(ThrottleCause::Thermal, 0, None)]);
        assert_eq!(found.throttle, expected, "{told:?}");
        assert_eq!(found.evidence.len(), 1, "{:?}", found.evidence);
    }
}

//! JSON is YAML: whatever is stored of a section can be written by hand.

use proptest::{collection::vec, num::f64 as float, option, prelude::*, test_runner::Config};

use super::super::*;
use crate::{
    Activation, BoxForm, BoxUnit, Categories, Colours, Detector, Head, ImagePreprocessing, Interpolation, Layout,
    Level, Pooling, Resize, Spans, TensorPreprocessing, TextPreprocessing,
};

/// As exporters call an output, and as nobody should.
fn name() -> impl Strategy<Value = String> {
    prop_oneof!["[a-z_]{1,8}", "[0-9]{1,3}", "[a-z]\\PC{0,8}", Just("null".to_owned()), Just("true".to_owned())]
}

fn number() -> impl Strategy<Value = f64> {
    float::POSITIVE | float::NEGATIVE | float::NORMAL | float::SUBNORMAL | float::ZERO
}

fn above_zero() -> impl Strategy<Value = f64> {
    float::POSITIVE | float::NORMAL
}

fn resize() -> impl Strategy<Value = Resize> {
    let side = || 512..=u32::MAX;
    prop_oneof![
        side().prop_map(Resize::ShortSide),
        (side(), side()).prop_map(|(width, height)| Resize::Stretch { width, height }),
        (side(), side(), any::<[u8; 3]>()).prop_map(|(width, height, fill)| Resize::Letterbox { width, height, fill }),
        Just(Resize::None),
    ]
}

prop_compose! {
    fn image()(
        resize in resize(),
        interpolation in prop::sample::select(vec![
            Interpolation::Nearest,
            Interpolation::Bilinear,
            Interpolation::Bicubic,
            Interpolation::BilinearNoAntialias,
        ]),
        // Of the smallest side at most.
        crop in option::of(1..=512_u32),
        colours in prop::sample::select(vec![Colours::Rgb, Colours::Bgr]),
        mean in [number(), number(), number()],
        std in [above_zero(), above_zero(), above_zero()],
        layout in prop::sample::select(vec![Layout::Nchw, Layout::Nhwc]),
    ) -> ImagePreprocessing {
        ImagePreprocessing { resize, interpolation, crop, colours, mean, std, layout }
    }
}

prop_compose! {
    fn preprocessing()(
        text in option::of((1..=u32::MAX, any::<u32>())),
        image in option::of(image().boxed()),
        tensor in option::of((number(), above_zero())),
    ) -> Preprocessing {
        Preprocessing {
            text: text.map(|(max_length, stride)| TextPreprocessing { max_length, stride }),
            image,
            tensor: tensor.map(|(zero, scale)| TensorPreprocessing { zero, scale }),
        }
    }
}

fn head() -> impl Strategy<Value = Head> {
    let activation = || prop::sample::select(vec![Activation::None, Activation::Sigmoid]);
    let form = || prop::sample::select(vec![BoxForm::Xyxy, BoxForm::Yxyx, BoxForm::Xywh, BoxForm::CxcyWh]);
    let unit = || prop::sample::select(vec![BoxUnit::Pixels, BoxUnit::Shares]);
    let level = (name(), name(), 1..=u32::MAX).prop_map(|(classes, sides, stride)| Level { classes, sides, stride });
    let names = || (name(), name(), name());
    prop_oneof![
        (vec(level, 1..4), 2..=u32::MAX, activation()).prop_map(|(levels, bins, activation)| Head::Distribution {
            levels,
            bins,
            activation
        }),
        (names(), 1..=u32::MAX, activation()).prop_map(|((heatmap, sizes, offsets), stride, activation)| {
            Head::Centres { heatmap, sizes, offsets, stride, activation }
        }),
        (name(), name(), form(), unit()).prop_map(|(logits, boxes, form, unit)| Head::Queries {
            logits,
            boxes,
            form,
            unit
        }),
        (name(), name(), form(), unit(), activation()).prop_map(|(scores, boxes, form, unit, activation)| {
            Head::Candidates { scores, boxes, form, unit, activation }
        }),
        (names(), option::of(name()), form(), unit()).prop_map(|((boxes, scores, classes), count, form, unit)| {
            Head::Chosen { boxes, scores, classes, count, form, unit }
        }),
        (name(), form(), unit()).prop_map(|(output, form, unit)| Head::Rows { output, form, unit }),
    ]
}

prop_compose! {
    fn detector()(
        head in head().boxed(),
        score_threshold in 0.0..=1.0_f64,
        nms_iou in option::of(0.0..=1.0_f64),
        max_boxes in 1..=u32::MAX,
        categories in prop::sample::select(vec![Categories::Sorted, Categories::Ids]),
    ) -> Detector {
        Detector { head, score_threshold, nms_iou, max_boxes, categories }
    }
}

/// Either of the two, since together they make no sense.
fn labels() -> impl Strategy<Value = (Vec<Option<u32>>, i32)> {
    let some = |labels: &Vec<Option<u32>>| labels.iter().any(Option::is_some);
    prop_oneof![
        any::<i32>().prop_map(|offset| (Vec::new(), offset)),
        vec(option::of(any::<u32>()), 1..6).prop_filter("a label", some).prop_map(|labels| (labels, 0)),
    ]
}

prop_compose! {
    fn postprocessing()(
        output in option::of(name()),
        (labels, label_offset) in labels(),
        pooling in option::of(prop::sample::select(vec![Pooling::Mean, Pooling::First, Pooling::None])),
        spans in option::of((name(), name(), 1..=u32::MAX, 1..=u32::MAX)),
        detector in option::of(detector().boxed()),
    ) -> Postprocessing {
        let spans = spans.map(|(start, end, n_best, max_answer_length)| {
            Spans { end: format!("{end} of {start}"), start, n_best, max_answer_length }
        });
        Postprocessing { output, labels, label_offset, pooling, spans, detector }
    }
}

// Boxed, since these strategies hold each other by value: more than the stack of a test.
proptest! {
    // A failing case is printed in full; no file is kept of it.
    #![proptest_config(Config { failure_persistence: None, ..Config::default() })]

    #[test]
    fn what_is_stored_of_a_section_reads_back_the_same(pre in preprocessing().boxed(), post in postprocessing().boxed()) {
        let text = serde_json::json!({ "preprocessing": &pre, "postprocessing": &post }).to_string();
        let card = DeclaredCard::parse("card.yaml", &text).unwrap_or_else(|error| panic!("{error}\n{text}"));
        prop_assert_eq!((card.preprocessing, card.postprocessing), (Some(pre), Some(post)));
    }
}

use super::super::Element;
use super::*;

fn input(axes: &[Axis]) -> InputSpec {
    InputSpec { name: "x".to_owned(), element: Element::Float32, axes: axes.to_vec() }
}

fn symbol(name: &str) -> Axis {
    Axis::Symbol(name.to_owned())
}

/// What a cell says, with room for names.
struct Said {
    samples: u32,
    sequence_length: Option<u32>,
    dims: BTreeMap<String, u32>,
    shapes: BTreeMap<String, Vec<u32>>,
}

impl Said {
    fn new(samples: u32, sequence_length: Option<u32>) -> Self {
        Self { samples, sequence_length, dims: BTreeMap::new(), shapes: BTreeMap::new() }
    }

    fn dim(mut self, axis: &str, length: u32) -> Self {
        self.dims.insert(axis.to_owned(), length);
        self
    }

    fn shape(mut self, input: &str, shape: &[u32]) -> Self {
        self.shapes.insert(input.to_owned(), shape.to_vec());
        self
    }

    fn form(&self) -> Form<'_> {
        let Self { samples, sequence_length, dims, shapes } = self;
        Form { samples: *samples, sequence_length: *sequence_length, dims, shapes }
    }

    fn check(&self, axes: &[Axis], expected: &[i64]) {
        assert_eq!(resolve(&input(axes), self.form()).expect("resolved").0, expected);
    }

    fn check_error(&self, axes: &[Axis], words: &[&str]) {
        let input = input(axes);
        let outcome = self.form().check(std::slice::from_ref(&input)).and_then(|()| resolve(&input, self.form()));
        let message = outcome.expect_err("an error").to_string();
        assert!(words.iter().all(|word| message.contains(word)), "{message}");
    }
}

#[test]
fn free_axes_are_batch_and_sequence() {
    let said = Said::new(4, Some(32));
    said.check(&[symbol("batch"), symbol("sequence")], &[4, 32]);
    said.check(&[symbol(""), Axis::Fixed(3), symbol("")], &[4, 3, 32]);
    said.check(&[symbol("seq_len"), symbol("batch_size")], &[32, 4]);
    said.check(&[], &[]);
}

#[test]
fn names_and_whole_shapes_take_precedence() {
    let said = Said::new(4, Some(32)).dim("height", 8).dim("batch", 2);
    said.check(&[symbol("batch"), symbol("height"), symbol("time")], &[2, 8, 32]);
    let said = Said::new(1, None).shape("x", &[2, 5]).shape("y", &[9]);
    said.check(&[symbol(""), symbol("")], &[2, 5]);
    said.check(&[Axis::Fixed(2), symbol("")], &[2, 5]);
}

#[test]
fn an_axis_without_a_length_is_never_guessed() {
    Said::new(1, None).check_error(&[symbol("batch"), symbol("time")], &["float32[batch,time]", "`time`", "dims"]);
    Said::new(1, None).check_error(&[symbol("batch"), symbol("")], &["float32[batch,?]", "shapes"]);
}

#[test]
fn what_the_model_fixes_is_an_error_to_ask_otherwise() {
    let axes = [Axis::Fixed(1), Axis::Fixed(8)];
    Said::new(4, None).check_error(&axes, &["batch", "4"]);
    Said::new(1, None).shape("x", &[1, 9]).check_error(&axes, &["float32[1,8]", "9"]);
    Said::new(1, None).check(&axes, &[1, 8]);
}

#[test]
fn names_the_model_does_not_have_are_answered_with_those_it_has() {
    let axes = [symbol("batch"), symbol("height")];
    Said::new(1, None).dim("heigth", 8).check_error(&axes, &["`heigth`", "batch, height"]);
    Said::new(1, None).shape("image", &[1, 8]).check_error(&axes, &["`image`", "x: float32[batch,height]"]);
    Said::new(1, None).dim("batch", 8).check_error(&[symbol("")], &["`batch`", "no named axes", "float32[?]"]);
}

#[test]
fn a_shape_has_as_many_axes_as_the_input_and_agrees_with_names() {
    let axes = [symbol("batch"), symbol("height")];
    Said::new(1, None).shape("x", &[1]).check_error(&axes, &["[1]", "float32[batch,height]"]);
    Said::new(1, None).shape("x", &[1, 8]).dim("height", 9).check_error(&axes, &["height", "8", "9"]);
}

#[test]
fn an_axis_of_length_zero_is_an_error_whoever_asks_for_it() {
    Said::new(1, None).check_error(&[Axis::Fixed(0), Axis::Fixed(4)], &["float32[0,4]", "axis"]);
    Said::new(1, None).dim("height", 0).check_error(&[symbol("batch"), symbol("height")], &["measures nothing"]);
    Said::new(0, None).check_error(&[symbol("batch")], &["measures nothing"]);
}

#[test]
fn shapes_that_differ_are_described_as_ranges() {
    assert_eq!(describe_range("int64", &[&[1, 7], &[1, 41], &[1, 9]]), "int64[1,7..41]");
    assert_eq!(describe_range("float32", &[&[2, 3]]), "float32[2,3]");
    assert_eq!(describe_range("float32", &[&[]]), "float32[]");
}

#[test]
fn absurd_shapes_have_no_number_of_elements() {
    assert_eq!(elements(&[2, 3]), Some(6));
    assert_eq!(elements(&[i64::MAX, i64::MAX]), None);
    assert_eq!(elements(&[-1]), None);
    Said::new(1, None).check_error(&[Axis::Fixed(1 << 40), Axis::Fixed(1 << 40)], &["more elements"]);
}

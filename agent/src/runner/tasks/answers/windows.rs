//! A question with its context as rows of tokens: one, or several windows over a context that is too long.

use tokenizers::{Encoding, TruncationDirection};

use super::super::super::input::Tokens;
use super::super::TokenRow;
use super::super::text::Encoder;

/// Tokens of a question, of which BERT's script takes no more (`max_query_length`).
const QUESTION: usize = 64;

/// How contexts are cut into windows.
#[derive(Debug)]
pub(super) struct Windows {
    encoder: Encoder,
    max_length: usize,
    /// Tokens that two windows share.
    stride: usize,
}

/// Tokens that a row must be able to hold at least.
pub(super) fn least_length(tokens: &Tokens, stride: usize) -> usize {
    QUESTION + tokens.special(true) + stride + 1
}

impl Windows {
    /// `max_length`: at least [`least_length`].
    pub(super) fn new(tokens: Tokens, max_length: usize, stride: usize) -> Self {
        Self { encoder: Encoder::new(tokens), max_length, stride }
    }

    /// The rows of a question; one if the context is empty.
    pub(super) fn of(&self, question: &str, context: &str) -> Result<Vec<TokenRow>, String> {
        // As the scripts do: some questions of the data set begin with blanks.
        let mut question = self.encoder.encode(question.trim_start())?;
        question.truncate(QUESTION, 0, TruncationDirection::Right);
        question.set_overflowing(Vec::new());
        let mut first = self.encoder.encode(context)?;
        let tokens = first.len();
        let room = self.max_length - self.encoder.special(true) - question.len();
        first.truncate(room, self.stride, TruncationDirection::Right);
        let others = first.take_overflowing();
        let starts: Vec<usize> = (0..=others.len()).map(|window| window * (room - self.stride)).collect();
        let lengths: Vec<usize> = starts.iter().map(|start| room.min(tokens - start)).collect();
        std::iter::once(first)
            .chain(others)
            .enumerate()
            .map(|(window, part)| {
                let row = self.row(question.clone(), part, context)?;
                Ok(with_best(row, window, &starts, &lengths))
            })
            .collect()
    }

    fn row(&self, question: Encoding, part: Encoding, context: &str) -> Result<TokenRow, String> {
        let joined = self.encoder.join(question, Some(part))?;
        let place = |((begin, end), sequence): (&(usize, usize), Option<usize>)| {
            // Bytes of a character are tokens of their own in some vocabularies: an answer has whole ones.
            let whole = (context.floor_char_boundary(*begin), context.ceil_char_boundary(*end));
            let number = |place| u32::try_from(place).map_err(|error| format!("the context is too long: {error}"));
            (sequence == Some(1)).then(|| Ok((number(whole.0)?, number(whole.1)?))).transpose()
        };
        let offsets =
            joined.get_offsets().iter().zip(joined.get_sequence_ids()).map(place).collect::<Result<_, String>>()?;
        let (ids, types) = (joined.get_ids().to_vec(), joined.get_type_ids().to_vec());
        Ok(TokenRow { ids, types, offsets, best_here: Vec::new() })
    }
}

/// Tells for each token of a window whether no other one shows more context on its poorer side; of equal ones the first
/// does. `starts`, `lengths`: of all windows, in tokens of the context. As `_check_is_max_context` of BERT's script.
fn with_best(row: TokenRow, window: usize, starts: &[usize], lengths: &[usize]) -> TokenRow {
    let mut place = starts[window];
    let best_here = row.offsets.iter().map(|offset| {
        let is_best = offset.is_some() && best_window(place, starts, lengths) == Some(window);
        place += usize::from(offset.is_some());
        is_best
    });
    TokenRow { best_here: best_here.collect(), ..row }
}

fn best_window(place: usize, starts: &[usize], lengths: &[usize]) -> Option<usize> {
    let mut best: Option<(f64, usize)> = None;
    for (window, (&start, &length)) in starts.iter().zip(lengths).enumerate() {
        if place < start || place >= start + length {
            continue;
        }
        #[expect(clippy::cast_precision_loss, reason = "a context has far fewer than 2^53 tokens")]
        let score = (place - start).min(start + length - 1 - place) as f64 + 0.01 * length as f64;
        if best.is_none_or(|(other, _)| score > other) {
            best = Some((score, window));
        }
    }
    best.map(|(_, window)| window)
}

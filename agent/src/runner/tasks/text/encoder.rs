//! A tokenizer in two steps: texts become tokens, and tokens of one or two texts, cut by then, become one sequence with special
//! tokens.
//!
//! In one step the library would stop to tokenize a text where it can't need more, and then cut a pair by lengths that are
//! not those of its texts, and find no second window over a long one.

use tokenizers::{Encoding, PostProcessor, PostProcessorWrapper, Tokenizer};

use super::super::super::input::Tokens;

/// The tokenizer of a model.
#[derive(Debug)]
pub(in crate::runner::tasks) struct Encoder {
    /// Adds no special tokens.
    tokenizer: Tokenizer,
    /// Adds them.
    joint: Option<PostProcessorWrapper>,
}

impl Encoder {
    pub(in crate::runner::tasks) fn new(tokens: Tokens) -> Self {
        let mut tokenizer = tokens.into_tokenizer();
        let joint = tokenizer.get_post_processor().cloned();
        // It must be applied once: some shift the places of tokens each time.
        tokenizer.with_post_processor(None::<PostProcessorWrapper>);
        Self { tokenizer, joint }
    }

    /// Special tokens that are added to one text, or to two.
    pub(in crate::runner::tasks) fn special(&self, pair: bool) -> usize {
        self.joint.as_ref().map_or(0, |joint| joint.added_tokens(pair))
    }

    /// A text's own tokens, with their places in it in bytes.
    pub(in crate::runner::tasks) fn encode(&self, text: &str) -> Result<Encoding, String> {
        self.tokenizer.encode(text, false).map_err(|error| error.to_string())
    }

    /// One sequence, in which the texts are told apart.
    pub(in crate::runner::tasks) fn join(
        &self,
        mut first: Encoding,
        second: Option<Encoding>,
    ) -> Result<Encoding, String> {
        if let Some(joint) = &self.joint {
            return joint.process(first, second, true).map_err(|error| error.to_string());
        }
        first.set_sequence_id(0);
        let second = second.map(|mut second| {
            second.set_sequence_id(1);
            second
        });
        Ok(Encoding::merge(std::iter::once(first).chain(second), false))
    }
}

//! `SQuAD` v1.1: articles of paragraphs with questions, in one JSON file. An example is a question.

use std::collections::HashSet;

use score::Truth;
use serde::Deserialize;

use super::search::{Search, has_extension};
use super::{Layout, Parts};
use crate::error::OpenError;
use crate::example::Input;
use crate::files::Files;

/// The official development set.
const DEV: &str = "dev-v1.1.json";

pub(crate) struct Questions {
    entry: usize,
    contexts: Vec<String>,
    asked: Vec<Asked>,
    official: Option<&'static str>,
}

struct Asked {
    /// Index of its context.
    context: usize,
    query: Query,
}

#[derive(Deserialize)]
struct Document {
    data: Vec<Article>,
}

#[derive(Deserialize)]
struct Article {
    paragraphs: Vec<Paragraph>,
}

#[derive(Deserialize)]
struct Paragraph {
    context: String,
    qas: Vec<Query>,
}

#[derive(Deserialize)]
struct Query {
    id: String,
    question: Option<String>,
    #[serde(default)]
    answers: Vec<Answer>,
}

#[derive(Deserialize)]
struct Answer {
    text: String,
}

impl Questions {
    pub(crate) fn open(search: &Search) -> Result<Self, OpenError> {
        let official = search.named(|name| name == DEV);
        let candidates =
            if official.is_empty() { search.named(|name| has_extension(name, &["json"])) } else { official };
        let entry = search.only(&candidates, "`dev-v1.1.json` and JSON files alone")?;
        let bytes = search.text(entry)?;
        let official = search.official(entry, &bytes)?;
        let file = || search.file(entry);
        let what = "SQuAD v1.1 in JSON";
        let Document { data } =
            serde_json::from_slice(&bytes).map_err(|source| OpenError::Json { file: file(), what, source })?;
        let (mut contexts, mut asked) = (Vec::new(), Vec::new());
        for Paragraph { context, qas } in data.into_iter().flat_map(|article| article.paragraphs) {
            asked.extend(qas.into_iter().map(|query| Asked { context: contexts.len(), query }));
            contexts.push(context);
        }
        let questions = Self { entry, contexts, asked, official };
        questions.check(file)?;
        Ok(questions)
    }

    /// Predictions are told apart by the questions' ids, and one question at least can be scored.
    fn check(&self, file: impl Fn() -> String) -> Result<(), OpenError> {
        let mut seen = HashSet::new();
        for Asked { context, query: Query { id, .. } } in &self.asked {
            if !seen.insert(id.as_str()) {
                let earlier = self.asked.iter().find(|asked| asked.query.id == *id);
                let first = format!("in paragraph {}", earlier.map_or(0, |asked| asked.context) + 1);
                let second = format!("in paragraph {}", context + 1);
                return Err(OpenError::Duplicate { file: file(), id: format!("the question {id:?}"), first, second });
            }
        }
        if self.asked.is_empty() {
            return Err(OpenError::Empty { file: file() });
        }
        if self.asked.iter().all(|asked| asked.problem().is_some()) {
            let Asked { query: Query { id, .. }, .. } = &self.asked[0];
            let why = self.asked[0].problem().unwrap_or_default().to_owned();
            return Err(OpenError::NoneUsable { file: file(), id: id.clone(), why });
        }
        Ok(())
    }
}

impl Asked {
    fn problem(&self) -> Option<&'static str> {
        if self.query.question.is_none() {
            return Some("it has no `question`");
        }
        self.query.answers.is_empty().then_some("it has no answer; questions without one belong to SQuAD v2.0")
    }
}

impl Layout for Questions {
    fn name(&self) -> &'static str {
        "SQuAD v1.1 in JSON"
    }

    fn examples(&self) -> usize {
        self.asked.len()
    }

    fn id(&self, at: usize) -> String {
        self.asked[at].query.id.clone()
    }

    fn content(&self, _files: &Files, at: usize) -> Result<(Input, Truth), String> {
        let asked = &self.asked[at];
        if let Some(problem) = asked.problem() {
            return Err(problem.to_owned());
        }
        let question = asked.query.question.clone().unwrap_or_default();
        let answers = asked.query.answers.iter().map(|answer| answer.text.clone()).collect();
        Ok((Input::Question { question, context: self.contexts[asked.context].clone() }, Truth::Answers(answers)))
    }

    fn parts(&self) -> Parts {
        Parts::File(self.entry)
    }

    fn official(&self) -> Option<&'static str> {
        self.official
    }
}

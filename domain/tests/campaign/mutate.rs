//! Files that are almost campaigns: the corpus with pieces taken out, doubled, exchanged and spoilt, by a seed.

use furlong_domain::campaign::{CampaignFile, Catalog, Ceiling, Includes, PlanOptions};
use rand_chacha::{
    ChaCha8Rng,
    rand_core::{Rng as _, SeedableRng as _},
};

/// What a campaign consists of, and what parsers trip over.
const PIECES: [&str; 48] = [
    "&a ",
    "*a",
    "<<: *a\n",
    "- ",
    ": ",
    "[",
    "]",
    "{",
    "}",
    "\n",
    "\n  ",
    "\t",
    "#",
    "\"",
    "'",
    "|\n",
    ">\n",
    "---\n",
    "...\n",
    "? ",
    "!x ",
    "%YAML 1.2\n",
    "\u{feff}",
    "\u{0}",
    "\u{2028}",
    "ä",
    "~",
    "null",
    "true",
    "08",
    "1e999",
    "-0",
    ".nan",
    "18446744073709551616",
    "99999999999999999999d",
    "model",
    "device: { match: any, count: all }",
    "matrix:\n  batch: [1, 2]\n",
    "exclude:\n  - { batch: 1 }\n",
    "overlay:\n  - { when: { batch: 1 }, with: { batch: 2 } }\n",
    "extra:\n  - { model: mobilenet }\n",
    "provider: [cpu, cpu]",
    "scenario: { server: }",
    "include: [common/more.yaml]\n",
    "a>=1,b<2",
    "0-4095",
    "%",
    "()",
];

pub(crate) struct Mutator<'a> {
    corpus: &'a [String],
    /// How many of them are campaigns.
    good: usize,
    random: ChaCha8Rng,
}

impl<'a> Mutator<'a> {
    /// # Panics
    /// If there is nothing to mutate.
    pub(crate) fn new(corpus: &'a [String], good: usize, seed: u64) -> Self {
        assert!(!corpus.is_empty(), "a corpus holds at least one file");
        Self { corpus, good, random: ChaCha8Rng::seed_from_u64(seed) }
    }

    fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.random.next_u64() % bound.max(1) as u64).unwrap_or(0)
    }

    /// A file to spoil: every other time one of the first, which are campaigns.
    fn begin(&mut self) -> &'a str {
        let among = if self.below(2) == 0 { self.good } else { self.corpus.len() };
        &self.corpus[self.below(among)]
    }

    /// The next file: one of the corpus with one to ten changes, mostly with one.
    pub(crate) fn next_text(&mut self) -> String {
        let mut text: Vec<char> = self.begin().chars().collect();
        for _ in 0..=self.below(4) * self.below(4) {
            let (from, to) = (self.below(text.len() + 1), self.below(text.len() + 1));
            let (from, to) = (from.min(to), from.max(to).min(from.min(to) + 200));
            match self.below(6) {
                0 => drop(text.drain(from..to)),
                1 => {
                    let copy: Vec<char> = text[from..to].to_vec();
                    let times = 1 + self.below(8);
                    let at = self.below(text.len() + 1);
                    for _ in 0..times {
                        text.splice(at..at, copy.iter().copied());
                    }
                }
                2 | 3 => {
                    let piece = PIECES[self.below(PIECES.len())];
                    text.splice(from..from, piece.chars());
                }
                4 => {
                    let other: Vec<char> = self.corpus[self.below(self.corpus.len())].chars().collect();
                    let start = self.below(other.len() + 1);
                    let end = (start + self.below(300)).min(other.len());
                    text.splice(from..to, other[start..end].iter().copied());
                }
                _ if from < text.len() => {
                    let code = u32::try_from(self.below(0x3000)).unwrap_or(0);
                    text[from] = char::from_u32(code).unwrap_or('x');
                }
                _ => {}
            }
        }
        text.into_iter().collect()
    }
}

/// Everything that is done with a file that somebody else wrote. Answers whether it was a campaign.
pub(crate) fn exercise(text: &str, includes: &Includes, catalog: &Catalog) -> bool {
    let _paths = furlong_domain::campaign::includes(text);
    let file = match CampaignFile::parse("fuzz.yaml", text, includes) {
        Ok(file) => file,
        Err(error) => {
            assert!(error.to_string().starts_with("error: "), "a problem without a message");
            return false;
        }
    };
    let _missing = (file.missing(catalog), file.attachment_paths(), file.model_names());
    let options = PlanOptions { ceiling: Some(Ceiling { cells: 100_000, runs: 1_000_000 }) };
    match file.plan(catalog, &options) {
        Ok(plan) => {
            let evaluating = plan.cells.iter().filter(|cell| cell.evaluates).count();
            assert_eq!(plan.runs().len(), plan.cells.len() * plan.repetitions as usize + evaluating);
            for cell in plan.cells.iter().take(3) {
                check_round_trip(&cell.to_yaml(), cell, catalog);
            }
            true
        }
        Err(error) => {
            assert!(error.to_string().starts_with("error: "), "a problem without a message");
            false
        }
    }
}

/// A cell as YAML makes the same cell again.
fn check_round_trip(yaml: &str, cell: &furlong_domain::campaign::PlannedCell, catalog: &Catalog) {
    let mut text = "apiVersion: furlong/v1\nkind: Campaign\nname: again\nextra:\n".to_owned();
    for (number, line) in yaml.lines().enumerate() {
        text.push_str(if number == 0 { "  - " } else { "    " });
        text.push_str(line);
        text.push('\n');
    }
    let again =
        CampaignFile::parse("again.yaml", &text, &Includes::new()).unwrap_or_else(|error| panic!("{text}\n{error}"));
    let again = again.plan(catalog, &PlanOptions::default()).unwrap_or_else(|error| panic!("{text}\n{error}"));
    assert_eq!(again.cells[0].spec, cell.spec, "{text}");
    assert_eq!(again.cells[0].device, cell.device, "{text}");
}

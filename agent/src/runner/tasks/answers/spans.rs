//! The best answer within one window, from a number for each token to begin with and one to end with.

use super::super::TokenRow;

/// A part of the context, in bytes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Span {
    pub(super) score: f64,
    pub(super) begin: u32,
    pub(super) end: u32,
}

/// The pair of one of the `n_best` starts and one of the `n_best` ends with the greatest sum, of equal ones the first, that is
/// an answer: both in the context, in order, the start where it has the most context, and no more than `longest` tokens.
///
/// The best are taken of all tokens of the row and then sorted out, as the script does; but of the row's own, so that an
/// answer does not depend on how far a batch is padded.
pub(super) fn best(row: &TokenRow, starts: &[f32], ends: &[f32], n_best: usize, longest: usize) -> Option<Span> {
    let TokenRow { ids: _, types: _, offsets, best_here } = row;
    let place = |token: usize| offsets.get(token).copied().flatten();
    let last = highest(ends, n_best);
    let mut best: Option<Span> = None;
    for start in highest(starts, n_best) {
        let Some((begin, _)) = place(start).filter(|_| best_here.get(start) == Some(&true)) else { continue };
        for &stop in &last {
            let Some((_, end)) = place(stop) else { continue };
            if stop < start || stop - start >= longest {
                continue;
            }
            let score = f64::from(starts[start]) + f64::from(ends[stop]);
            if best.is_none_or(|best| score > best.score) {
                best = Some(Span { score, begin, end });
            }
        }
    }
    best
}

/// The places of the greatest numbers, the greatest first, of equal ones the first.
fn highest(values: &[f32], count: usize) -> Vec<usize> {
    let mut places: Vec<usize> = (0..values.len()).collect();
    // Adding zero makes one of the two zeros: they are equal.
    places.sort_by(|&a, &b| (values[b] + 0.0).total_cmp(&(values[a] + 0.0)));
    places.truncate(count);
    places
}

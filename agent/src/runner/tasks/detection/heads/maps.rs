//! Heads that answer with maps: something for each cell of a grid over the input.

use domain::{Activation, Level};

use super::super::super::{Placed, RowOutputs};
use super::super::views::{Cells, same_count, unlike};
use super::{Found, class};

/// One level of a detector whose sides are distributions over bins: the expected bin times the stride is the distance of
/// a side from the cell's middle (generalized focal loss, Li et al. 2020; `NanoDet`).
pub(super) fn distribution(
    level: &Level,
    bins: usize,
    activation: Activation,
    placed: &Placed,
    outputs: &RowOutputs,
    found: &mut Found,
) -> Result<(), String> {
    let Level { classes, sides, stride } = level;
    let (classes_output, sides_output) = (outputs.get(Some(classes))?, outputs.get(Some(sides))?);
    let (classes, sides) = (Cells::of(classes_output)?, Cells::of(sides_output)?);
    if sides.channels != 4 * bins {
        return Err(unlike(sides_output, &format!("four times {bins} numbers for each cell")));
    }
    same_count((&classes_output.name, classes.count), (&sides_output.name, sides.count))?;
    let whole = (placed.input_height.div_ceil(*stride) as usize, placed.input_width.div_ceil(*stride) as usize);
    let (height, width) = classes.size.or(sides.size).unwrap_or(whole);
    if height * width != classes.count {
        return Err(unlike(classes_output, &format!("{height} times {width} cells at a stride of {stride}")));
    }
    let stride = f64::from(*stride);
    for (cell, (x, y)) in grid(height, width).enumerate() {
        let distance = |side: usize| stride * expected(bins, |bin| sides.at(cell, side * bins + bin));
        for index in 0..classes.channels {
            let score = activated(activation, classes.at(cell, index));
            if found.wants(score)? {
                let (x, y) = ((x + 0.5) * stride, (y + 0.5) * stride);
                let corners = [x - distance(0), y - distance(1), x + distance(2), y + distance(3)];
                found.add(class(index)?, score, corners)?;
            }
        }
    }
    Ok(())
}

/// The outputs of a detector of centres, by name.
pub(super) struct Centres<'a> {
    pub(super) heatmap: &'a str,
    pub(super) sizes: &'a str,
    pub(super) offsets: &'a str,
}

/// Objects as points ("Objects as Points", Zhou et al. 2019): a centre is a cell that none of its eight neighbours
/// exceeds. Sizes are width and height, offsets x and y, all in cells.
pub(super) fn centres(
    names: &Centres<'_>,
    stride: f64,
    activation: Activation,
    outputs: &RowOutputs,
    found: &mut Found,
) -> Result<(), String> {
    let Centres { heatmap, sizes, offsets } = names;
    let (heatmap, height, width) = Cells::planes(outputs.get(Some(heatmap))?, None)?;
    let pairs = |name: &str| {
        let output = outputs.get(Some(name))?;
        let (cells, pairs_height, pairs_width) = Cells::planes(output, Some(2))?;
        let same = (pairs_height, pairs_width) == (height, width);
        same.then_some(cells).ok_or_else(|| unlike(output, &format!("[1, 2, {height}, {width}], as the heat map")))
    };
    let (sizes, offsets) = (pairs(sizes)?, pairs(offsets)?);
    for index in 0..heatmap.channels {
        for (cell, (x, y)) in grid(height, width).enumerate() {
            let value = heatmap.at(cell, index);
            let score = activated(activation, value);
            let exceeds = |neighbour: usize| heatmap.at(neighbour, index) > value;
            if !found.wants(score)? || neighbourhood(cell, height, width).any(exceeds) {
                continue;
            }
            let (x, y) = (x + offsets.at(cell, 0), y + offsets.at(cell, 1));
            let (half_width, half_height) = (sizes.at(cell, 0) / 2.0, sizes.at(cell, 1) / 2.0);
            let corners = [x - half_width, y - half_height, x + half_width, y + half_height];
            found.add(class(index)?, score, corners.map(|corner| corner * stride))?;
        }
    }
    Ok(())
}

pub(super) fn activated(activation: Activation, value: f64) -> f64 {
    match activation {
        Activation::None => value,
        Activation::Sigmoid => 1.0 / (1.0 + (-value).exp()),
    }
}

/// x and y of cells, row by row.
fn grid(height: usize, width: usize) -> impl Iterator<Item = (f64, f64)> {
    let count = |length: usize| (0..u32::try_from(length).unwrap_or(u32::MAX)).map(f64::from);
    count(height).flat_map(move |y| count(width).map(move |x| (x, y)))
}

/// A cell and those that touch it.
fn neighbourhood(cell: usize, height: usize, width: usize) -> impl Iterator<Item = usize> {
    let (y, x) = (cell / width, cell % width);
    let around = |middle: usize, length: usize| middle.saturating_sub(1)..(middle + 2).min(length);
    around(y, height).flat_map(move |y| around(x, width).map(move |x| y * width + x))
}

/// The mean of a softmax over bins.
fn expected(bins: usize, logit: impl Fn(usize) -> f64) -> f64 {
    let greatest = (0..bins).map(&logit).fold(f64::NEG_INFINITY, f64::max);
    let (mut sum, mut weighted, mut number) = (0.0, 0.0, 0.0);
    for bin in 0..bins {
        let weight = (logit(bin) - greatest).exp();
        sum += weight;
        weighted += weight * number;
        number += 1.0;
    }
    weighted / sum
}

//! The block that sees everything: places are mixed by convolutions that run around the image, then channels.

use onnx::Attribute;

use super::EPSILON;
use crate::error::BuildError;
use crate::net::{Conv, Init, Net};

/// How much narrower than its input the layer within the attention among channels is.
const SQUEEZE: usize = 16;
/// How many times wider than it is a layer at the end of a residual branch is taken to be when its weights are drawn. With
/// 1, activations double from block to block, since untrained normalisations leave them as they are, and outgrow a float of
/// 16 bits.
const DAMPING: usize = 16;
/// torch's; ONNX's own is a fifth.
const HARD_SIGMOID_SLOPE: f32 = 1.0 / 6.0;

#[derive(Debug, Clone, Copy)]
pub(super) struct Block {
    pub(super) channels: usize,
    pub(super) feed_forward: usize,
    /// Height and width, and so the length of a kernel.
    pub(super) side: usize,
    /// Whether it learns where a pixel is.
    pub(super) placed: bool,
}

/// The two directions of a kernel.
#[derive(Debug, Clone, Copy)]
enum Direction {
    Vertical,
    Horizontal,
}

impl Direction {
    /// How the weights' names end.
    fn suffix(self) -> char {
        match self {
            Self::Vertical => 'H',
            Self::Horizontal => 'W',
        }
    }

    /// The axis of \[batch, channels, height, width\].
    fn axis(self) -> i64 {
        match self {
            Self::Vertical => 2,
            Self::Horizontal => 3,
        }
    }

    /// Height and width of a line of this length.
    fn line(self, length: usize) -> [usize; 2] {
        match self {
            Self::Vertical => [length, 1],
            Self::Horizontal => [1, length],
        }
    }
}

impl Block {
    pub(super) fn build(self, net: &mut Net<'_>, x: &str, prefix: &str) -> Result<String, BuildError> {
        let Self { channels, feed_forward, .. } = self;
        let x = self.mix_places(net, x, prefix)?;
        let normal = net.batch_norm(&x, &format!("{prefix}.ffn.0"), channels, EPSILON)?;
        let inner = Conv::square(channels, feed_forward, 1).with_bias();
        let wide = net.conv(&normal, &format!("{prefix}.ffn.1"), inner)?;
        let wide = net.op("HardSwish", &[&wide]);
        // Asked for before the layer does, so that it is drawn like this.
        let init = Init::lecun(DAMPING * feed_forward);
        net.weight(&format!("{prefix}.ffn.4.weight"), &[channels, feed_forward, 1, 1], init)?;
        let outer = Conv::square(feed_forward, channels, 1).with_bias();
        let narrow = net.conv(&wide, &format!("{prefix}.ffn.4"), outer)?;
        let weighed = weigh_channels(net, &narrow, &format!("{prefix}.ca.fc"), channels)?;
        Ok(net.op("Add", &[&x, &weighed]))
    }

    /// One half of the channels is mixed down and then across, the other across and then down.
    fn mix_places(self, net: &mut Net<'_>, x: &str, prefix: &str) -> Result<String, BuildError> {
        let [one, other]: [String; 2] = net.ops_with("Split", &[x], &[("axis", Attribute::Int(1))]);
        let down_first = [Direction::Vertical, Direction::Horizontal];
        let across_first = [Direction::Horizontal, Direction::Vertical];
        let mixed_one = self.mix_half(net, &one, [prefix, "pre_Norm_1"], down_first)?;
        let mixed_other = self.mix_half(net, &other, [prefix, "pre_Norm_2"], across_first)?;
        let one = net.op("Add", &[&one, &mixed_one]);
        let other = net.op("Add", &[&other, &mixed_other]);
        Ok(net.op_with("Concat", &[&one, &other], &[("axis", Attribute::Int(1))]))
    }

    fn mix_half(
        self,
        net: &mut Net<'_>,
        half: &str,
        [prefix, normalisation]: [&str; 2],
        [first, second]: [Direction; 2],
    ) -> Result<String, BuildError> {
        let x = self.add_place(net, half, &format!("{prefix}.meta_pe_1"), first)?;
        let x = net.batch_norm(&x, &format!("{prefix}.{normalisation}"), self.channels / 2, EPSILON)?;
        let x = self.run_around(net, &x, &format!("{prefix}.meta_kernel_1"), first, Init::lecun(self.side))?;
        let x = self.add_place(net, &x, &format!("{prefix}.meta_pe_2"), second)?;
        let damped = Init::lecun(DAMPING * self.side);
        self.run_around(net, &x, &format!("{prefix}.meta_kernel_2"), second, damped)
    }

    /// Adds what was learned for each row, or for each column; as it is if nothing was.
    fn add_place(self, net: &mut Net<'_>, x: &str, stem: &str, direction: Direction) -> Result<String, BuildError> {
        if !self.placed {
            return Ok(x.to_owned());
        }
        let [height, width] = direction.line(self.side);
        let name = format!("{stem}_{}", direction.suffix());
        let place = net.weight(&name, &[1, self.channels / 2, height, width], Init::Normal { std: 1.0 })?;
        Ok(net.op("Add", &[x, &place]))
    }

    /// A depthwise convolution with a kernel as long as the axis, for which the axis starts anew where it ends.
    fn run_around(
        self,
        net: &mut Net<'_>,
        x: &str,
        stem: &str,
        direction: Direction,
        init: Init,
    ) -> Result<String, BuildError> {
        let (channels, [height, width]) = (self.channels / 2, direction.line(self.side));
        let (start, axes) = (net.list(&[0]), net.list(&[direction.axis()]));
        let end = net.list(&[signed(self.side - 1)]);
        let again = net.op("Slice", &[x, &start, &end, &axes]);
        let around = net.op_with("Concat", &[x, &again], &[("axis", Attribute::Int(direction.axis()))]);
        let kernel = net.weight(&format!("{stem}_{}", direction.suffix()), &[channels, 1, height, width], init)?;
        let attributes = [
            ("kernel_shape", Attribute::Ints(vec![signed(height), signed(width)])),
            ("group", Attribute::Int(signed(channels))),
        ];
        Ok(net.op_with("Conv", &[&around, &kernel], &attributes))
    }
}

/// Scales each channel by what the means of all channels say (squeeze and excitation, Hu et al. 2018).
fn weigh_channels(net: &mut Net<'_>, x: &str, prefix: &str, channels: usize) -> Result<String, BuildError> {
    let narrow = channels / SQUEEZE;
    let means = net.op("GlobalAveragePool", &[x]);
    let squeezed = net.conv(&means, &format!("{prefix}.0"), Conv::square(channels, narrow, 1))?;
    let squeezed = net.batch_norm(&squeezed, &format!("{prefix}.1"), narrow, EPSILON)?;
    let squeezed = net.op("HardSwish", &[&squeezed]);
    let wide = net.conv(&squeezed, &format!("{prefix}.3"), Conv::square(narrow, channels, 1))?;
    let wide = net.batch_norm(&wide, &format!("{prefix}.4"), channels, EPSILON)?;
    let slope = [("alpha", Attribute::Float(HARD_SIGMOID_SLOPE))];
    let gate = net.op_with("HardSigmoid", &[&wide], &slope);
    Ok(net.op("Mul", &[x, &gate]))
}

fn signed(length: usize) -> i64 {
    i64::try_from(length).expect("axes are short")
}

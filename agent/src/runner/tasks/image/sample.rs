//! For tests: image files.

/// A PNG file of one colour.
pub(in crate::runner::tasks) fn png(width: u32, height: u32, colour: [u8; 3]) -> Vec<u8> {
    let mut file = Vec::new();
    let mut encoder = png::Encoder::new(&mut file, width, height);
    encoder.set_color(png::ColorType::Rgb);
    let mut writer = encoder.write_header().expect("a file in memory");
    writer.write_image_data(&colour.repeat(width as usize * height as usize)).expect("a file in memory");
    writer.finish().expect("a file in memory");
    file
}

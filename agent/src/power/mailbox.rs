//! The Raspberry Pi's firmware, asked through its mailbox: what `vcgencmd` does, without a process for each question.
//!
//! The layout is that of the firmware's property interface: 32-bit words, the tag `GET_GENCMD_RESULT`, the command's text in,
//! its answer out.

use std::io;

/// Words before the text: size, request, tag, size of the value, request size, error.
const HEADER_WORDS: usize = 6;
/// Bytes of text, and the tag and the end around it.
const TEXT_BYTES: usize = 4096;
const GET_GENCMD_RESULT: u32 = 0x0003_0080;

/// The firmware's answer to a command such as `pmic_read_adc`.
#[cfg(target_os = "linux")]
pub(super) fn ask(command: &str) -> io::Result<String> {
    use std::os::fd::AsRawFd as _;
    // The newer device is open to the group `video`, the older one to root.
    let open = |path: &str| std::fs::OpenOptions::new().read(true).write(true).open(path);
    // If neither opens, a refusal says more than the absence of the other.
    let device = open("/dev/vcio_gencmd").or_else(|newer| {
        open("/dev/vcio").map_err(|older| if newer.kind() == io::ErrorKind::NotFound { older } else { newer })
    })?;
    let mut message = request(command)?;
    // Interrupted, it is asked once more.
    for attempt in 0..2 {
        // SAFETY: the kernel reads and writes as many bytes as the first word says, which is the length of the vector.
        #[expect(unsafe_code, reason = "an ioctl")]
        let asked = unsafe { property(device.as_raw_fd(), message.as_mut_ptr().cast()) };
        match asked {
            Ok(_) => return answer(&message),
            Err(nix::errno::Errno::EAGAIN | nix::errno::Errno::EINTR) if attempt == 0 => message = request(command)?,
            Err(error) => return Err(error.into()),
        }
    }
    Err(io::ErrorKind::Interrupted.into())
}

#[cfg(target_os = "linux")]
nix::ioctl_readwrite!(property, 100, 0, *mut std::ffi::c_char);

#[cfg(not(target_os = "linux"))]
pub(super) fn ask(_command: &str) -> io::Result<String> {
    Err(io::ErrorKind::NotFound.into())
}

fn request(command: &str) -> io::Result<Vec<u32>> {
    // One byte stays for the NUL at the end.
    if command.len() >= TEXT_BYTES {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "the command is too long for the firmware"));
    }
    let mut words = vec![0_u32; HEADER_WORDS + TEXT_BYTES / 4 + 1];
    let size = u32::try_from(words.len() * 4).map_err(io::Error::other)?;
    words[..4].copy_from_slice(&[size, 0, GET_GENCMD_RESULT, u32::try_from(TEXT_BYTES).map_err(io::Error::other)?]);
    for (word, bytes) in words[HEADER_WORDS..].iter_mut().zip(command.as_bytes().chunks(4)) {
        let mut padded = [0; 4];
        padded[..bytes.len()].copy_from_slice(bytes);
        *word = u32::from_le_bytes(padded);
    }
    Ok(words)
}

fn answer(words: &[u32]) -> io::Result<String> {
    let error = words.get(HEADER_WORDS - 1).copied().unwrap_or(0);
    let bytes: Vec<u8> = words.iter().skip(HEADER_WORDS).flat_map(|word| word.to_le_bytes()).take(TEXT_BYTES).collect();
    let text = bytes.split(|byte| *byte == 0).next().unwrap_or_default();
    let text = String::from_utf8_lossy(text).trim().to_owned();
    if error != 0 || text.starts_with("error=") {
        return Err(io::Error::new(io::ErrorKind::Unsupported, format!("error {error}: {text}")));
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_carries_its_size_its_tag_and_the_command() {
        let words = request("measure_temp").expect("short");
        assert_eq!(words[0] as usize, words.len() * 4);
        assert_eq!(&words[1..6], &[0, 0x0003_0080, 4096, 0, 0]);
        assert_eq!(words[6].to_le_bytes(), *b"meas");
        assert_eq!(words[9], 0, "padded with NUL");
        assert!(request(&"x".repeat(4096)).is_err());
    }

    #[test]
    fn an_answer_ends_at_its_nul_and_an_error_is_one() {
        let mut words = request("temp=80.8'C\n").expect("short");
        assert_eq!(answer(&words).expect("answered"), "temp=80.8'C");
        words[5] = 1;
        assert_eq!(answer(&words).expect_err("refused").kind(), io::ErrorKind::Unsupported);
        let unknown = request("error=1 error_msg=\"Command not registered\"").expect("short");
        assert!(answer(&unknown).expect_err("refused").to_string().contains("not registered"));
        assert_eq!(answer(&[]).expect("nothing"), "");
    }

    #[test]
    fn a_machine_without_the_firmware_says_so() {
        if std::path::Path::new("/dev/vcio").exists() {
            println!("skipped: this is a Raspberry Pi");
            return;
        }
        assert_eq!(ask("measure_temp").expect_err("no firmware").kind(), io::ErrorKind::NotFound);
    }
}

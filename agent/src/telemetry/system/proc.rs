//! The texts of `/proc` as numbers. Pure: no file is opened here.

/// Ticks of the processor since the machine was started, without those that another virtual machine
/// had (`steal`): they were neither ours to spend nor spent by us.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Ticks {
    pub(super) all: u64,
    pub(super) idle: u64,
    pub(super) cores: u32,
}

/// Reads `/proc/stat`. Guests' time is in that of their host already.
pub(super) fn ticks(text: &str) -> Option<Ticks> {
    let mut found = Ticks::default();
    for line in text.lines() {
        let Some(rest) = line.strip_prefix("cpu") else {
            break; // the processors come first
        };
        if rest.starts_with(|c: char| c.is_ascii_digit()) {
            found.cores = found.cores.saturating_add(1);
            continue;
        }
        let fields: Vec<u64> = rest
            .split_ascii_whitespace()
            .take(7)
            .map_while(|field| field.parse().ok())
            .collect();
        found.all = fields.iter().fold(0, |sum, n| sum.saturating_add(*n));
        found.idle = fields.get(3)?.saturating_add(*fields.get(4)?);
    }
    (found.all > 0).then_some(found)
}

/// What `/proc/<pid>/stat` tells of a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Process {
    pub(super) parent: u32,
    /// In user and kernel together.
    pub(super) ticks: u64,
}

/// Reads `/proc/<pid>/stat`. The name in brackets may hold anything, brackets and blanks included.
pub(super) fn process(text: &str) -> Option<Process> {
    let (_, rest) = text.rsplit_once(')')?;
    let fields: Vec<&str> = rest.split_ascii_whitespace().take(14).collect();
    let number = |place: usize| fields.get(place)?.parse::<u64>().ok();
    Some(Process {
        parent: u32::try_from(number(1)?).ok()?,
        ticks: number(11)?.saturating_add(number(12)?),
    })
}

/// A line `name: value kB` of `/proc/meminfo` or `/proc/<pid>/status`, in bytes.
pub(super) fn kilobytes(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    let value = line.strip_prefix(':')?.split_ascii_whitespace().next()?;
    value.parse::<u64>().ok()?.checked_mul(1024)
}

/// Bytes received and sent by every card but loopback, from `/proc/net/dev`.
pub(super) fn traffic(text: &str) -> (u64, u64) {
    let mut sum = (0_u64, 0_u64);
    for line in text.lines().skip(2).take(256) {
        let Some((name, counts)) = line.split_once(':') else {
            continue;
        };
        if name.trim() == "lo" {
            continue;
        }
        let mut counts = counts.split_ascii_whitespace();
        let mut next = |skip| {
            counts
                .nth(skip)
                .and_then(|count| count.parse::<u64>().ok())
                .unwrap_or(0)
        };
        sum.0 = sum.0.saturating_add(next(0));
        sum.1 = sum.1.saturating_add(next(7));
    }
    sum
}

/// The Raspberry Pi's firmware: whether it holds the processor back now, and whether the voltage is
/// too low now. Bits of <https://www.raspberrypi.com/documentation/computers/os.html#get_throttled>.
pub(super) fn throttled(text: &str) -> Option<(bool, bool)> {
    let digits = text.trim().trim_start_matches("0x");
    let bits = u32::from_str_radix(digits, 16).ok()?;
    Some((bits & 0b1110 != 0, bits & 1 != 0))
}

/// Thousandths of a degree, as sensors write them; what is no temperature of a running machine is none.
pub(super) fn degrees(text: &str) -> Option<f32> {
    let thousandths: i32 = text.trim().parse().ok()?;
    #[expect(clippy::cast_precision_loss, reason = "at most six digits")]
    let degrees = thousandths as f32 / 1000.0;
    (-40.0..=150.0).contains(&degrees).then_some(degrees)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_processors_first_line_is_all_of_them_without_what_was_stolen() {
        let text = "cpu  100 5 50 800 40 3 2 10 7 0\ncpu0 50 2 25 400 20 1 1 5 0 0\n\
            cpu1 50 3 25 400 20 2 1 5 0 0\nintr 1 2 3\ncpu9 1 1 1 1 1\n";
        let found = ticks(text).unwrap();
        let want = Ticks {
            all: 1000,
            idle: 840,
            cores: 2,
        };
        assert_eq!(found, want);
        assert_eq!(ticks("intr 5"), None);
        assert_eq!(ticks("cpu 1 2"), None);
    }

    #[test]
    fn a_process_may_have_brackets_in_its_name() {
        let text = "812 (ff) mp (eg) S 7 812 812 0 -1 4194560 9 0 0 0 120 30 5 6 20 0 3 0 99";
        let want = Process {
            parent: 7,
            ticks: 150,
        };
        assert_eq!(process(text), Some(want));
        assert_eq!(process("812 (cut short"), None);
    }

    #[test]
    fn memory_is_read_by_its_whole_name() {
        let text = "MemTotal:        2048 kB\nMemAvailable:    512 kB\nMem: 1 kB\n";
        assert_eq!(kilobytes(text, "MemTotal"), Some(2 << 20));
        assert_eq!(kilobytes(text, "MemAvailable"), Some(512 << 10));
        assert_eq!(kilobytes(text, "MemAvail"), None);
    }

    #[test]
    fn loopback_is_no_network() {
        let text = "Inter-| Receive | Transmit\n face |bytes ...\n\
            lo: 9 1 0 0 0 0 0 0 9 1 0 0 0 0 0 0\n\
            eth0: 1000 1 0 0 0 0 0 0 2000 1 0 0 0 0 0 0\n  wlan0:7 1 0 0 0 0 0 0 8 1 0 0 0 0 0 0\n";
        assert_eq!(traffic(text), (1007, 2008));
    }

    #[test]
    fn what_happened_before_is_not_what_happens_now() {
        assert_eq!(throttled("50005\n"), Some((true, true)));
        assert_eq!(throttled("0x50000"), Some((false, false)));
        assert_eq!(throttled("8"), Some((true, false)));
        assert_eq!(throttled("hot"), None);
    }

    #[test]
    fn a_sensor_that_is_not_there_is_not_cold() {
        assert_eq!(degrees("61250\n"), Some(61.25));
        assert_eq!(degrees("-274000"), None);
        assert_eq!(degrees("2147483647"), None);
    }

    proptest! {
        #[test]
        fn no_text_upsets_the_readers(text in ".{0,400}") {
            let _ = (ticks(&text), process(&text), kilobytes(&text, "MemTotal"));
            let _ = (traffic(&text), throttled(&text), degrees(&text));
        }
    }
}

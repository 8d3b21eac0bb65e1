//! Durations and sizes in words.
//!
//! Owns the units. Must never round a size up.

use std::time::Duration;

/// A duration in the unit that fits it.
pub fn time(duration: Duration) -> String {
    let seconds = duration.as_secs_f64();
    match seconds {
        seconds if seconds < 1e-3 => format!("{:.1} us", seconds * 1e6),
        seconds if seconds < 1.0 => format!("{:.1} ms", seconds * 1e3),
        seconds if seconds < 120.0 => format!("{seconds:.1} s"),
        seconds => format!("{:.0} min", seconds / 60.0),
    }
}

/// A size in the unit that fits it.
pub fn bytes(bytes: u64) -> String {
    match bytes {
        0..10_240 => format!("{bytes} bytes"),
        10_240..10_485_760 => format!("{} kB", bytes / 1024),
        _ => format!("{} MB", bytes / (1024 * 1024)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_and_times_are_told_in_units_that_fit() {
        assert_eq!([bytes(120), bytes(20 << 10), bytes(300 << 20)], ["120 bytes", "20 kB", "300 MB"]);
        let times =
            [Duration::from_micros(7), Duration::from_millis(20), Duration::from_secs(5), Duration::from_secs(600)];
        assert_eq!(times.map(time), ["7.0 us", "20.0 ms", "5.0 s", "10 min"]);
    }
}

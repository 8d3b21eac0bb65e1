//! Owns traces, which are sequences of requests for keys, and the generated traces by name.
//!
//! Must never depend on anything but its arguments: a name gives the same trace on every machine.

mod file;
mod generate;
mod random;
mod requests;

pub use file::read;
pub use generate::{large_and_small, looped, scan_into_zipf, shifting, zipf};
pub use random::{Random, mix};
pub use requests::{Request, Trace};

/// The generated traces in every table.
pub const GENERATED: [&str; 8] =
    ["zipf-0.8", "zipf-1.0", "zipf-scan", "scan-bursts", "loop", "loop-zipf", "shifting", "sizes"];

/// A generated trace by its name; None: there is no such trace.
pub fn generated(name: &str) -> Option<Trace> {
    let keys: Vec<u64> = match name {
        "zipf-0.8" => zipf(1, 0.8, 50_000, 400_000),
        "zipf-1.0" => zipf(2, 1.0, 50_000, 400_000),
        "zipf-scan" => scan_into_zipf(3, 0.9, 20_000, 400_000, 3, 1),
        "scan-bursts" => scan_into_zipf(4, 0.9, 20_000, 400_000, 20_000, 10_000),
        "loop" => looped(10_000, 200_000),
        "loop-zipf" => {
            let mixed = zipf(5, 1.0, 20_000, 200_000).into_iter().zip(looped(10_000, 200_000));
            mixed.flat_map(|(popular, looped)| [popular, looped + 1_000_000]).collect()
        }
        "shifting" => shifting(6, 0.9, 20_000, 400_000, 40_000),
        "sizes" => {
            let sized = zipf(7, 0.9, 30_000, 400_000).into_iter().map(|key| (key, large_and_small(key)));
            return Some(Trace::new(name, sized));
        }
        _ => return None,
    };
    Some(Trace::new(name, keys.into_iter().map(|key| (key, 1))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_gives_a_trace_and_the_same_one_each_time() {
        for name in GENERATED {
            let (one, other) = (generated(name).unwrap(), generated(name).unwrap());
            assert_eq!(one.requests, other.requests, "{name}");
            assert!(one.distinct >= 10_000 && one.requests.len() >= 200_000, "{name}");
        }
        assert!(generated("nothing").is_none());
    }
}

//! From samples to what the picture shows.
//!
//! Must never smooth: each value is that of one second, and where there is none, there is no line.

use std::time::Duration;

use xtask::top::{Namespace, Sample};

use super::load::{CLIENTS, MOST, phases};
use crate::plan::grouped;
use crate::report::board::{Board, Figure, Light};
use crate::report::lines::{Line, Panel};

/// The board of samples that were taken for so long, one a second.
pub fn of(samples: &[Sample], length: Duration) -> Board {
    let samples = Samples(samples);
    Board {
        title: "cache_pg",
        subtitle: format!(
            "{CLIENTS} clients, three namespaces, room for {} entries; what the views of the statistics said, second by second",
            grouped(u64::from(MOST))
        ),
        seconds: length.as_secs_f64(),
        phases: phases(),
        figures: samples.figures(),
        panels: samples.panels(),
        lights: samples.lights(),
    }
}

struct Samples<'a>(&'a [Sample]);

impl Samples<'_> {
    /// A value for each second, from the sample before it and the one after it.
    fn each(&self, value: impl Fn(&Sample, &Sample, f64) -> Option<f64>) -> Vec<f64> {
        let seconds = |pair: &[Sample]| pair[1].at.duration_since(pair[0].at).as_secs_f64().max(1e-3);
        self.0.windows(2).map(|pair| value(&pair[0], &pair[1], seconds(pair)).unwrap_or(f64::NAN)).collect()
    }

    /// What was done in a second.
    fn rate(&self, of: impl Fn(&Namespace) -> u64) -> Vec<f64> {
        self.each(|then, now, seconds| Some(of(&now.total.since(Some(&then.total))) as f64 / seconds))
    }

    fn level(&self, of: impl Fn(&Sample) -> f64) -> Vec<f64> {
        self.each(|_, now, _| Some(of(now)))
    }

    fn ratio(&self, namespace: &str) -> Vec<f64> {
        fn find<'a>(it: &'a Sample, name: &str) -> Option<&'a Namespace> {
            it.namespaces.iter().find(|it| it.name == name)
        }
        self.each(|then, now, _| find(now, namespace)?.since(find(then, namespace)).hit_ratio())
    }

    /// How long an operation took in the mean of a second, in milliseconds.
    fn mean(&self, operation: &str) -> Vec<f64> {
        let all = |it: &Sample| {
            let found = it.latencies.iter().find(|it| it.operation == operation);
            found.map_or((0.0, 0.0), |it| (it.timed as f64, it.timed as f64 * it.mean))
        };
        self.each(|then, now, _| {
            let ((timed_then, took_then), (timed, took)) = (all(then), all(now));
            (timed > timed_then).then(|| (took - took_then) / (timed - timed_then))
        })
    }

    fn p99(&self, operation: &str) -> Vec<f64> {
        self.each(|_, now, _| now.latencies.iter().find(|it| it.operation == operation).map(|it| it.p99))
    }

    fn figures(&self) -> Vec<Figure> {
        let ratio = self.each(|then, now, _| now.total.since(Some(&then.total)).hit_ratio());
        let reads = self.rate(Namespace::reads);
        let bytes = self.level(|it| it.total.bytes as f64);
        let last = |values: &[f64]| values.last().copied().unwrap_or(f64::NAN);
        let all = self.0.last().and_then(|it| it.total.hit_ratio()).unwrap_or(f64::NAN);
        let most = reads.iter().copied().fold(0.0, f64::max);
        let p99 = self.p99("get");
        vec![
            Figure { title: "Hit ratio, in all", value: percent(all), values: ratio },
            Figure { title: "Gets a second, at most", value: number(most), values: reads },
            Figure { title: "99 % of gets within", value: time(last(&p99)), values: p99 },
            Figure { title: "Live entries take", value: megabytes(last(&bytes)), values: bytes },
        ]
    }

    fn panels(&self) -> Vec<Panel> {
        let panel = |title, unit, lines: Vec<(&str, Vec<f64>)>| Panel {
            title,
            unit,
            lines: lines.into_iter().map(|(name, values)| Line::new(name, values)).collect(),
            reach: 0.0,
            mark: None,
        };
        vec![
            panel(
                "Reads a second",
                number,
                vec![("hits", self.rate(|it| it.hits)), ("misses", self.rate(|it| it.misses))],
            ),
            Panel {
                reach: 1.0,
                ..panel(
                    "Hit ratio",
                    |share| format!("{:.0} %", share * 100.0),
                    ["menu", "session", "search"].map(|name| (name, self.ratio(name))).to_vec(),
                )
            },
            panel(
                "Writes a second",
                number,
                vec![
                    ("computed and stored", self.rate(|it| it.fills)),
                    ("set", self.rate(|it| it.sets)),
                    ("deleted", self.rate(|it| it.deletes)),
                ],
            ),
            panel(
                "Mean time of a second",
                time,
                vec![("get", self.mean("get")), ("set", self.mean("set")), ("delete", self.mean("delete"))],
            ),
            Panel {
                reach: f64::from(MOST) * 1.15,
                mark: Some((f64::from(MOST), "limit")),
                ..panel(
                    "Entries",
                    number,
                    vec![
                        ("live", self.level(|it| it.total.entries as f64)),
                        ("time is over", self.level(|it| it.total.due as f64)),
                    ],
                )
            },
            panel(
                "Removed a second",
                number,
                vec![("expired", self.rate(|it| it.expired)), ("evicted", self.rate(|it| it.evicted))],
            ),
            panel(
                "Pages that the hand met, a second",
                number,
                vec![
                    ("read", self.pages(|it| it.hand.pages_read)),
                    ("passed over", self.pages(|it| it.hand.pages_skipped)),
                ],
            ),
            panel("From deadline to removal, at most", time, vec![("in the last turn", self.level(|it| it.hand.lag))]),
        ]
    }

    fn pages(&self, of: impl Fn(&Sample) -> u64) -> Vec<f64> {
        self.each(|then, now, seconds| Some(of(now).saturating_sub(of(then)) as f64 / seconds))
    }

    fn lights(&self) -> Vec<Light> {
        let checks = self.0.last().map(|it| it.health.as_slice()).unwrap_or_default();
        checks
            .iter()
            .map(|it| Light { name: it.name.clone(), status: it.status.clone(), value: it.value.clone() })
            .collect()
    }
}

fn percent(share: f64) -> String {
    format!("{:.1} %", share * 100.0)
}

fn number(value: f64) -> String {
    match value {
        value if value >= 1e6 => format!("{:.1}M", value / 1e6),
        value if value >= 10_000.0 => format!("{}k", value / 1e3),
        value => grouped(value.round() as u64),
    }
}

fn time(ms: f64) -> String {
    match ms {
        ms if ms >= 1e3 => format!("{:.1} s", ms / 1e3),
        ms if ms >= 1.0 => format!("{ms:.1} ms"),
        ms => format!("{:.0} µs", ms * 1e3),
    }
}

fn megabytes(bytes: f64) -> String {
    format!("{:.1} MB", bytes / 1_048_576.0)
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use xtask::top::{Check, Hand, Latency};

    use super::*;

    fn sample(at: Instant, hits: u64, timed: u64) -> Sample {
        let latency = Latency { operation: "get".into(), timed, mean: 0.01, p99: 0.05, ..Latency::default() };
        let total = Namespace { hits, name: "menu".into(), ..Namespace::default() };
        Sample {
            at,
            namespaces: vec![total.clone()],
            total,
            latencies: vec![latency],
            hand: Hand::default(),
            health: vec![Check { name: "worker".into(), status: "ok".into(), ..Check::default() }],
        }
    }

    #[test]
    fn what_two_samples_differ_by_is_told_a_second() {
        let start = Instant::now();
        let samples = [sample(start, 10, 1), sample(start + Duration::from_secs(2), 50, 3)];
        let samples = Samples(&samples);
        assert_eq!(samples.rate(|it| it.hits), [20.0]);
        assert_eq!(samples.ratio("menu"), [1.0]);
        assert!(samples.ratio("nobody")[0].is_nan() && samples.mean("set")[0].is_nan());
        assert!((samples.mean("get")[0] - 0.01).abs() < 1e-9);
        let board = of(samples.0, Duration::from_secs(2)).draw();
        assert!(board.contains("100.0 %") && board.contains("50 µs") && board.contains("worker"), "{board}");
    }
}

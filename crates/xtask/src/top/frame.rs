//! Owns one frame of `make top`: it turns two samples into text.
//!
//! Must never know a server or a terminal, write a line of more than [`WIDTH`] characters, nor list a namespace that
//! was busy before one that is busy now.

use std::cmp::Reverse;

use super::sample::{Check, Namespace, Sample};
use super::text::{Text, WIDTH, bytes, percent, short, time, wrapped};
use super::workers;
use crate::ink::{Ink, Style};

const BAR: usize = 30;
/// The busiest namespaces that are shown.
const SHOWN: usize = 10;

/// The picture. It shows what was done each second since `before`; without it, what was done in all.
pub fn frame(before: Option<&Sample>, now: &Sample, ink: Ink) -> String {
    let seconds = before.map(|before| now.at.duration_since(before.at).as_secs_f64().max(1e-3));
    let mut text = Text::new(ink);
    summary(&mut text, before, now, seconds);
    workers::sweeper(&mut text, &now.sweeper);
    workers::loads(&mut text, before.map(|before| &before.loads[..]), &now.loads, seconds);
    latencies(&mut text, now);
    namespaces(&mut text, before, now, seconds);
    health(&mut text, &now.health);
    text.finish()
}

fn summary(text: &mut Text, before: Option<&Sample>, now: &Sample, seconds: Option<f64>) {
    let done = now.total.since(before.map(|before| &before.total));
    let (recent, all) = (done.hit_ratio(), now.total.hit_ratio());
    let shown = recent.or(all);
    let style = shown.map_or(Style::Faint, |ratio| if ratio >= 0.7 { Style::Good } else { Style::Doubtful });
    let bar = text.paint(style, &bar(shown));
    let words = match seconds {
        Some(_) => format!("{bar}  {} now, {} in total", percent(recent), percent(all)),
        None => format!("{bar}  {} in total", percent(all)),
    };
    text.named("hit ratio", &words);
    let rate = |count: u64| short(count as f64 / seconds.unwrap_or(1.0));
    let words = [
        ("gets", done.reads()),
        ("sets", done.sets),
        ("fills", done.fills),
        ("deletes", done.deletes),
        ("expired", done.expired),
        ("evicted", done.evicted),
    ]
    .map(|(name, count)| format!("{name} {}", rate(count)));
    text.named(if seconds.is_some() { "per second" } else { "in total" }, &words.join("   "));
    let Namespace { entries, bytes: size, due, .. } = now.total;
    let share = (entries + due > 0).then(|| due as f64 / (entries + due) as f64);
    text.named("size", &format!("{entries} entries, {}; {due} expired rows, {}", bytes(size), percent(share)));
}

/// How long the operations take.
fn latencies(text: &mut Text, now: &Sample) {
    text.heading(&format!("{:<24} {:>10} {:>10} {:>10} {:>10}", "latency", "p50", "p99", "max", "timed"));
    for it in &now.latencies {
        let [p50, p99, max] = [it.p50, it.p99, it.max].map(time);
        let timed = short(it.timed as f64);
        text.line(&format!("{:<24} {p50:>10} {p99:>10} {max:>10} {timed:>10}", it.operation));
    }
}

/// The busiest namespaces that hold something or did something.
fn namespaces(text: &mut Text, before: Option<&Sample>, now: &Sample, seconds: Option<f64>) {
    let per = if seconds.is_some() { "/s" } else { "" };
    let [gets, sets, deletes] = ["gets", "sets", "deletes"].map(|name| format!("{name}{per}"));
    text.heading(&format!(
        "{:<24} {gets:>10} {:>10} {sets:>10} {deletes:>10} {:>10} {:>10}",
        "namespace", "hits", "entries", "size"
    ));
    let mut busiest: Vec<_> = now
        .namespaces
        .iter()
        .map(|it| {
            let then = before.and_then(|before| before.namespaces.iter().find(|then| then.name == it.name));
            (it, it.since(then))
        })
        .collect();
    busiest.retain(|(it, done)| done.reads() + done.written() + done.deletes + it.entries > 0);
    busiest.sort_by_key(|(it, done)| Reverse((done.reads() + done.written(), it.entries)));
    for (it, done) in busiest.iter().take(SHOWN) {
        let [gets, sets, deletes] =
            [done.reads(), done.written(), done.deletes].map(|count| short(count as f64 / seconds.unwrap_or(1.0)));
        let hits = percent(done.hit_ratio());
        let (entries, size) = (it.entries, bytes(it.bytes));
        let name: String = it.name.chars().take(24).collect();
        text.line(&format!("{name:<24} {gets:>10} {hits:>10} {sets:>10} {deletes:>10} {entries:>10} {size:>10}"));
    }
    if let Some(more @ 1..) = busiest.len().checked_sub(SHOWN) {
        let words = text.paint(Style::Faint, &format!("and {more} more"));
        text.line(&words);
    }
}

fn health(text: &mut Text, checks: &[Check]) {
    text.heading("health");
    if checks.iter().all(Check::is_ok) {
        let words = text.paint(Style::Good, &format!("all ok ({} checks)", checks.len()));
        text.line(&words);
    }
    for it in checks.iter().filter(|check| !check.is_ok()) {
        let style = if it.status == "critical" { Style::Bad } else { Style::Doubtful };
        let (status, name) = (text.paint(style, &it.status), text.paint(Style::Bold, &it.name));
        let said: String = it.value.chars().take(WIDTH - 40).collect();
        text.line(&format!("{status} {name}: {said}"));
        for line in wrapped(&it.advice, WIDTH - 2) {
            text.line(&format!("  {line}"));
        }
    }
}

fn bar(share: Option<f64>) -> String {
    let full = (share.unwrap_or(0.0) * BAR as f64).round() as usize;
    format!("{}{}", "█".repeat(full.min(BAR)), "░".repeat(BAR - full.min(BAR)))
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::super::sample::{Latency, Loads, Sweeper};
    use super::*;

    fn sample(at: Instant, hits: u64, misses: u64) -> Sample {
        let of = |name: &str| Namespace {
            name: name.into(),
            hits,
            misses,
            sets: misses,
            entries: 95,
            due: 5,
            bytes: 20_480,
            ..Namespace::default()
        };
        let latency = Latency { operation: "get".into(), timed: 12, p50: 0.002, p99: 0.5, max: 1500.0 };
        let quiet = Namespace { hits: 1_000_000, ..of("quiet") };
        Sample {
            at,
            total: of(""),
            namespaces: vec![quiet, of("menu")],
            latencies: vec![latency],
            sweeper: Sweeper { turns: 3, ago: Some(2.0), next: Some(0.5), lag: 70.0, ..Sweeper::default() },
            loads: vec![],
            health: vec![Check { name: "worker".into(), status: "ok".into(), ..Check::default() }],
        }
    }

    fn plain(before: Option<&Sample>, now: &Sample) -> String {
        frame(before, now, Ink::new(false))
    }

    #[test]
    fn rates_and_ratio_are_those_between_two_samples() {
        let start = Instant::now();
        let text = plain(Some(&sample(start, 400, 100)), &sample(start + Duration::from_secs(2), 1000, 300));
        for shown in [
            "75.0 % now, 76.9 % in total",
            "gets 400   sets 100",
            "95 entries, 20 kB; 5 expired rows, 5.0 %",
            "3 full sweeps, the last 2.0 s ago, next visit in 500.0 ms; lag 70.0 ms",
            "2.0 us",
            "500.0 us",
            "1.5 s",
            "all ok (1 checks)",
        ] {
            assert!(text.contains(shown), "{shown} in {text}");
        }
        let [menu, quiet] = ["menu", "quiet"].map(|name| text.find(&format!("\n{name}")));
        assert!(menu < quiet, "the busiest now is first: {text}");
    }

    #[test]
    fn a_first_sample_shows_what_was_done_in_all() {
        let text = plain(None, &sample(Instant::now(), 40_000, 10_000));
        assert!(text.contains("80.0 % in total") && text.contains("in total   gets 50.0k"), "{text}");
        assert!(!text.contains("now") && !text.contains("/s"), "{text}");
    }

    #[test]
    fn counting_anew_is_no_flood() {
        let start = Instant::now();
        let text = plain(Some(&sample(start, 4000, 0)), &sample(start + Duration::from_secs(1), 7, 0));
        assert!(text.contains("gets 0   sets 0") && text.contains("- now"), "{text}");
    }

    #[test]
    fn what_is_not_well_is_told_with_what_to_do_within_the_width() {
        let mut ill = sample(Instant::now(), 1, 1);
        ill.health.push(Check {
            name: "sweep_lag".into(),
            status: "critical".into(),
            value: "last full sweep 9 min ago".into(),
            advice: "word ".repeat(50),
        });
        ill.sweeper.failures = 4;
        ill.loads = vec![Loads { namespace: "n".repeat(200), failures: 5, ..Loads::default() }];
        ill.namespaces =
            (0..SHOWN + 2).map(|_| Namespace { name: "n".repeat(200), entries: 1, ..Namespace::default() }).collect();
        let text = plain(None, &ill);
        for shown in [
            "critical sweep_lag: last full sweep 9 min ago",
            "failed 4 times in a row",
            "failed 5 times in a row",
            "and 2 more",
        ] {
            assert!(text.contains(shown), "{shown} in {text}");
        }
        assert!(!text.contains("all ok"), "{text}");
        assert!(text.lines().all(|line| line.chars().count() <= WIDTH), "{text}");
    }

    #[test]
    fn there_are_colours_on_a_terminal_only() {
        let now = sample(Instant::now(), 1, 1);
        assert!(frame(None, &now, Ink::new(true)).contains("\x1b["));
        assert!(!plain(None, &now).contains('\x1b'));
    }
}

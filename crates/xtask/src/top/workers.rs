//! Owns the lines of a frame that tell of the workers: the sweeper, and the processes that load ahead of the deadline.
//!
//! Must never show a line for loads where no namespace has any.

use super::sample::{Loads, Sweeper};
use super::text::{Text, WIDTH, short, time};
use crate::ink::Style;

/// How much of the line is left for the words behind the name of what it shows.
const WORDS: usize = WIDTH - 11;

/// The sweeper.
pub(super) fn sweeper(text: &mut Text, it: &Sweeper) {
    let last = it.ago.map_or_else(|| "none yet".into(), |ago| format!("the last {} ago", time(ago * 1e3)));
    let next = it.next.map_or_else(String::new, |next| format!(", next visit in {}", time(next.max(0.0) * 1e3)));
    text.named("sweeper", &format!("{} full sweeps, {last}{next}; lag {}", it.turns, time(it.lag)));
    let pages = format!(
        "{} rows removed; {} pages read, {} skipped",
        short(it.removed as f64),
        short(it.pages_read as f64),
        short(it.pages_skipped as f64)
    );
    text.named("", &pages);
    if it.failures > 0 {
        let words = text.paint(Style::Bad, &format!("it has failed {} times in a row", it.failures));
        text.named("", &words);
    }
}

/// The loads: how many were done since `before` in each of so many `seconds`, and without them in all.
pub(super) fn loads(text: &mut Text, before: Option<&[Loads]>, now: &[Loads], seconds: Option<f64>) {
    if now.is_empty() {
        return;
    }
    let count = |count: fn(&Loads) -> u64| -> u64 {
        let then = |it: &Loads| before.and_then(|before| before.iter().find(|then| then.namespace == it.namespace));
        now.iter().map(|it| count(it).saturating_sub(then(it).map_or(0, count))).sum()
    };
    let per = if seconds.is_some() { "/s" } else { "" };
    let [done, failed] = [count(|it| it.done), count(|it| it.failed)]
        .map(|count| format!("{}{per}", short(count as f64 / seconds.unwrap_or(1.0))));
    let [waiting, running]: [u64; 2] =
        [|it: &Loads| it.waiting, |it: &Loads| it.running].map(|of| now.iter().map(of).sum());
    text.named("refreshes", &format!("done {done}   failed {failed}   running {running}   waiting {waiting}"));
    if let Some(it) = now.iter().filter(|it| it.failures > 0).max_by_key(|it| it.failures) {
        let why = if it.last_error.is_empty() { String::new() } else { format!(": {}", it.last_error) };
        let words = format!("failed {} times in a row in {}{why}", it.failures, it.namespace);
        let words: String = words.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(WORDS).collect();
        let words = text.paint(Style::Bad, &words);
        text.named("", &words);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ink::Ink;

    fn of(namespace: &str, done: u64, failed: u64) -> Loads {
        Loads { namespace: namespace.into(), done, failed, waiting: 3, running: 1, ..Loads::default() }
    }

    fn shown(before: Option<&[Loads]>, now: &[Loads], seconds: Option<f64>) -> String {
        let mut text = Text::new(Ink::new(false));
        loads(&mut text, before, now, seconds);
        text.finish()
    }

    #[test]
    fn without_loads_there_is_no_line() {
        assert_eq!(shown(Some(&[]), &[], Some(1.0)), "");
    }

    #[test]
    fn rates_are_those_of_all_namespaces_between_two_samples() {
        let (before, now) = ([of("menu", 100, 1)], [of("menu", 120, 1), of("price", 10, 4)]);
        let text = shown(Some(&before), &now, Some(2.0));
        assert_eq!(text, "refreshes  done 15/s   failed 2/s   running 2   waiting 6\n");
        assert!(shown(None, &now, None).contains("done 130   failed 5   running"));
    }

    #[test]
    fn counting_anew_is_no_flood() {
        let text = shown(Some(&[of("menu", 5000, 9)]), &[of("menu", 2, 0)], Some(1.0));
        assert!(text.contains("done 0/s   failed 0/s"), "{text}");
    }

    #[test]
    fn the_namespace_that_fails_most_is_named_with_its_error_in_one_line() {
        let failing = |name, failures| Loads { failures, last_error: "no\nstock ".repeat(50), ..of(name, 0, failures) };
        let text = shown(None, &[failing("menu", 1), failing("price", 7)], None);
        let [_, line] = text.lines().collect::<Vec<_>>()[..] else { panic!("{text}") };
        assert!(line.trim().starts_with("failed 7 times in a row in price: no stock no"), "{text}");
        assert_eq!(line.chars().count(), WIDTH, "{text}");
    }
}

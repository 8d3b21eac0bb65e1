//! Owns the plot: bars for three operations side by side, and the speed of reads as the cache grows.
//!
//! Must never begin an axis of bars anywhere but at zero.

use super::svg::{Anchor, BOLD, FAINT, Font, INK, Svg};
use super::table::rate;
use crate::{contender::names, operation::Operation, plan::grouped, results::Results, statistics::median};

const WIDTH: u32 = 1000;
const MARGIN: f64 = 32.0;
/// Where the bars begin.
const LEFT: f64 = 190.0;
const ROW: f64 = 26.0;
const TOP: f64 = 118.0;
/// Room for the number behind a bar.
const NUMBER: f64 = 56.0;
const GROWTH_HEIGHT: f64 = 170.0;

const GRID: &str = "#e4e7eb";
const OWN: &str = "#2563eb";
const OWN_KIN: &str = "#93b4f5";
const OTHERS: &str = "#b8c2cc";
const BARE: &str = "#e4e7eb";
const MEMORY: &str = "#e8a33d";

const PLAIN: Font = Font { size: 13, colour: INK, bold: false };
const SMALL: Font = Font { size: 12, colour: FAINT, bold: false };
const TITLE: Font = Font { size: 20, colour: INK, bold: true };

/// The panels of bars.
const PANELS: [Operation; 3] = [Operation::GetHit, Operation::GetMany, Operation::SetExisting];

/// Draws it.
pub fn plot(results: &Results) -> String {
    let bars_end = TOP + ROW * results.contenders.len() as f64;
    let height = bars_end + GROWTH_HEIGHT + 120.0;
    let mut svg = Svg::new(WIDTH, height as u32);
    let clients = results.plan.most_clients();
    svg.text((MARGIN, 42.0), &format!("Keys a second, {clients} clients"), TITLE, Anchor::Start);
    let setting = results.plan.main_setting().described();
    svg.text((MARGIN, 64.0), &format!("{setting}; {}", results.machine), SMALL, Anchor::Start);
    let panel = (f64::from(WIDTH) - LEFT - MARGIN) / PANELS.len() as f64;
    for (at, &contender) in results.contenders.iter().enumerate() {
        let font = if contender == names::CACHE_PG { BOLD } else { PLAIN };
        svg.text((LEFT - 12.0, TOP + ROW * at as f64 + 16.0), contender, font, Anchor::End);
    }
    for (at, &operation) in PANELS.iter().enumerate() {
        bars(&mut svg, results, operation, LEFT + panel * at as f64, panel - 20.0);
    }
    growth(&mut svg, results, bars_end + 70.0);
    svg.finish()
}

fn bars(svg: &mut Svg, results: &Results, operation: Operation, left: f64, width: f64) {
    let setting = results.plan.main_setting();
    let clients = results.plan.most_clients();
    let rates: Vec<_> = results
        .contenders
        .iter()
        .map(|contender| results.speed(setting, clients, operation, contender).and_then(|speed| median(&speed.rates)))
        .collect();
    let most = rates.iter().flatten().copied().fold(1.0, f64::max);
    svg.text((left, TOP - 14.0), operation.name(), BOLD, Anchor::Start);
    svg.line(&[(left, TOP - 4.0), (left, TOP + ROW * rates.len() as f64)], 1.0, GRID);
    for (at, (found, contender)) in rates.iter().zip(&results.contenders).enumerate() {
        let y = TOP + ROW * at as f64;
        let Some(found) = *found else {
            svg.text((left + 6.0, y + 16.0), "–", SMALL, Anchor::Start);
            continue;
        };
        let length = (width - NUMBER) * found / most;
        svg.rectangle((left, y + 3.0), (length.max(1.0), ROW - 8.0), 2.0, colour(contender));
        let font = if *contender == names::CACHE_PG { BOLD } else { SMALL };
        svg.text((left + length + 6.0, y + 16.0), &rate(found), font, Anchor::Start);
    }
}

fn colour(contender: &str) -> &'static str {
    match contender {
        names::CACHE_PG => OWN,
        names::FLOOR => BARE,
        _ if contender.starts_with("cache_pg") => OWN_KIN,
        _ if contender.starts_with("Redis") || contender == "memcached" => MEMORY,
        _ => OTHERS,
    }
}

fn growth(svg: &mut Svg, results: &Results, top: f64) {
    let (left, right) = (LEFT, f64::from(WIDTH) - MARGIN - 110.0);
    let bottom = top + GROWTH_HEIGHT;
    svg.text((MARGIN, top - 22.0), "Speed of a read as the cache grows, 1 client", TITLE, Anchor::Start);
    let sizes = &results.plan.growth;
    let logs: Vec<_> = sizes.iter().map(|&entries| (entries.max(1) as f64).log10()).collect();
    let (Some(first), Some(last)) = (logs.first(), logs.last()) else { return };
    let x = |log: f64| left + (right - left) * (log - first) / (last - first).max(0.1);
    let y = |share: f64| bottom - (bottom - top) * share / 1.2;
    for step in 0..=4 {
        let share = f64::from(step) * 0.25;
        svg.line(&[(left, y(share)), (right, y(share))], 1.0, GRID);
        svg.text((left - 12.0, y(share) + 4.0), &format!("{:.0} %", share * 100.0), SMALL, Anchor::End);
    }
    for (&entries, &log) in sizes.iter().zip(&logs) {
        svg.text((x(log), bottom + 22.0), &format!("{} entries", grouped(entries)), SMALL, Anchor::Middle);
    }
    let end = |contender| results.kept(contender, *sizes.last()?);
    // Their labels stay apart even where the lines meet.
    let (above, below) = (-6.0, 16.0);
    let own = if end(names::CACHE_PG) >= end(names::BY_HAND) { (above, below) } else { (below, above) };
    for (contender, colour, shift) in [(names::BY_HAND, FAINT, own.1), (names::CACHE_PG, OWN, own.0)] {
        let points: Vec<_> = sizes
            .iter()
            .zip(&logs)
            .filter_map(|(&entries, &log)| Some((x(log), y(results.kept(contender, entries)?))))
            .collect();
        svg.line(&points, 2.5, colour);
        for &point in &points {
            svg.dot(point, 4.0, colour);
        }
        if let Some((end_x, end_y)) = points.last() {
            let font = Font { colour, ..BOLD };
            svg.text((end_x + 12.0, end_y + shift), contender, font, Anchor::Start);
        }
    }
}

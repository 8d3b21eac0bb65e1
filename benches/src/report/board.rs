//! The picture of the dashboard: figures, panels of lines, and the checks of health.
//!
//! Must never compute what is shown: it only places it.

use super::lines::{self, AXIS, COLOURS, PADDING, Panel, Phase, Place};
use super::svg::{Anchor, BOLD, FAINT, Font, INK, Svg};

/// One figure, large, with how it came about.
#[derive(Clone, Debug)]
pub struct Figure {
    /// What it is.
    pub title: &'static str,
    /// Itself, with its unit.
    pub value: String,
    /// Its values over time.
    pub values: Vec<f64>,
}

/// A check of health.
#[derive(Clone, Debug)]
pub struct Light {
    /// What was looked at.
    pub name: String,
    /// `ok`, `warning` or `critical`.
    pub status: String,
    /// What was found.
    pub value: String,
}

/// All that is shown.
#[derive(Clone, Debug)]
pub struct Board {
    /// A line at the top,
    pub title: &'static str,
    /// and one below it.
    pub subtitle: String,
    /// How long it took.
    pub seconds: f64,
    /// What went on meanwhile.
    pub phases: Vec<Phase>,
    /// In one row.
    pub figures: Vec<Figure>,
    /// Two in a row.
    pub panels: Vec<Panel>,
    /// At the end.
    pub lights: Vec<Light>,
}

const WIDTH: f64 = 1080.0;
const MARGIN: f64 = 24.0;
const GAP: f64 = 14.0;
const TOP: f64 = 84.0;
const FIGURE: f64 = 92.0;
const PANEL: f64 = 208.0;
const LIGHT: f64 = 24.0;
const PAGE: &str = "#f5f7fa";
const TITLE: Font = Font { size: 22, colour: INK, bold: true };
const LARGE: Font = Font { size: 28, colour: INK, bold: true };
const PLAIN: Font = Font { size: 12, colour: INK, bold: false };
const SMALL: Font = Font { size: 12, colour: FAINT, bold: false };
/// Characters of what was found.
const FOUND: usize = 44;

impl Board {
    /// Draws it.
    pub fn draw(&self) -> String {
        let rows = self.panels.len().div_ceil(2) as f64;
        let lights = 54.0 + LIGHT * self.lights.len().div_ceil(2) as f64;
        let end = TOP + FIGURE + GAP + rows * (PANEL + GAP);
        let mut svg = Svg::new(WIDTH as u32, (end + lights + MARGIN) as u32);
        svg.rectangle((0.0, 0.0), (WIDTH, end + lights + MARGIN), 8.0, PAGE);
        svg.text((MARGIN, 42.0), self.title, TITLE, Anchor::Start);
        svg.text((MARGIN, 64.0), &self.subtitle, SMALL, Anchor::Start);
        for (number, figure) in self.figures.iter().enumerate() {
            self.figure(&mut svg, figure, place(number, self.figures.len(), TOP, FIGURE));
        }
        for (number, panel) in self.panels.iter().enumerate() {
            let top = TOP + FIGURE + GAP + (number / 2) as f64 * (PANEL + GAP);
            let place = place(number % 2, 2, top, PANEL);
            lines::draw(&mut svg, panel, place, &self.phases, self.seconds);
            if number < 2 {
                self.phases(&mut svg, place);
            }
        }
        self.lights(&mut svg, Place { height: lights, ..place(0, 1, end, lights) });
        svg.finish()
    }

    fn figure(&self, svg: &mut Svg, figure: &Figure, place: Place) {
        svg.card((place.x, place.y), (place.width, place.height));
        let most = figure.values.iter().copied().filter(|value| value.is_finite()).fold(1e-9, f64::max);
        let bottom = place.y + place.height - 1.0;
        let x = |share: f64| place.x + 1.0 + share * (place.width - 2.0);
        for points in lines::pieces(&figure.values, x, |value| bottom - value / most * 30.0) {
            svg.area(&points, bottom, COLOURS[0], 0.12);
            svg.line(&points, 1.2, "#93b4f5");
        }
        svg.text((place.x + 16.0, place.y + 25.0), figure.title, SMALL, Anchor::Start);
        svg.text((place.x + 16.0, place.y + 57.0), &figure.value, LARGE, Anchor::Start);
    }

    /// The names of the phases, at the top of the shades that every panel has.
    fn phases(&self, svg: &mut Svg, place: Place) {
        let (left, right) = (place.x + PADDING + AXIS, place.x + place.width - PADDING);
        for phase in &self.phases {
            let font = Font { size: 10, colour: FAINT, bold: false };
            let x = left + phase.during.0 * (right - left) + 5.0;
            svg.text((x, place.y + 51.0), phase.name, font, Anchor::Start);
        }
    }

    /// The checks, two in a row.
    fn lights(&self, svg: &mut Svg, place: Place) {
        svg.card((place.x, place.y), (place.width, place.height));
        svg.text((place.x + 16.0, place.y + 25.0), "Health, at the end", BOLD, Anchor::Start);
        let half = (place.width - 16.0) / 2.0;
        let rows = self.lights.len().div_ceil(2);
        for (number, light) in self.lights.iter().enumerate() {
            let x = place.x + 16.0 + (number / rows) as f64 * half;
            let y = place.y + 38.0 + (number % rows) as f64 * LIGHT;
            let (fill, ink) = match light.status.as_str() {
                "ok" => ("#dcf5e7", "#17694a"),
                "warning" => ("#fdeccb", "#8a4b08"),
                _ => ("#fbdcdc", "#9b1c1c"),
            };
            svg.rectangle((x, y), (62.0, 18.0), 9.0, fill);
            let font = Font { size: 11, colour: ink, bold: true };
            svg.text((x + 31.0, y + 13.0), &light.status, font, Anchor::Middle);
            svg.text((x + 74.0, y + 13.0), &light.name, PLAIN, Anchor::Start);
            let found: String = light.value.chars().take(FOUND).collect();
            svg.text((x + 212.0, y + 13.0), &found, SMALL, Anchor::Start);
        }
    }
}

/// The place of one of `count` in a row.
fn place(number: usize, count: usize, y: f64, height: f64) -> Place {
    let width = (WIDTH - 2.0 * MARGIN - GAP * (count as f64 - 1.0)) / count as f64;
    Place { x: MARGIN + number as f64 * (width + GAP), y, width, height }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_fills_the_width() {
        let last = place(3, 4, 0.0, 1.0);
        assert!((last.x + last.width - (WIDTH - MARGIN)).abs() < 1e-6);
    }

    #[test]
    fn everything_is_on_it() {
        let figure = Figure { title: "Hit ratio", value: "93 %".into(), values: vec![0.5, f64::NAN, 0.9] };
        let light = |status: &str| Light { name: "worker".into(), status: status.into(), value: "running".into() };
        let board = Board {
            title: "cache_pg",
            subtitle: "two minutes".into(),
            seconds: 120.0,
            phases: vec![Phase { name: "rush", during: (0.3, 0.6) }],
            figures: vec![figure],
            panels: Vec::new(),
            lights: vec![light("ok"), light("critical"), light("warning")],
        };
        let svg = board.draw();
        for shown in ["cache_pg", "two minutes", "Hit ratio", "93 %", "critical", "warning", "running"] {
            assert!(svg.contains(shown), "{shown} in {svg}");
        }
    }
}

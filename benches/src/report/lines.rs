//! Lines over time in a panel.
//!
//! Must never begin an axis anywhere but at zero, nor draw what was not measured.

use super::svg::{Anchor, BOLD, FAINT, Font, INK, Svg};

/// Values over time.
#[derive(Clone, Debug)]
pub struct Line {
    /// What they are.
    pub name: String,
    /// One for each moment; NaN where there is none.
    pub values: Vec<f64>,
}

impl Line {
    /// A line of this name.
    pub fn new(name: impl Into<String>, values: Vec<f64>) -> Self {
        Self { name: name.into(), values }
    }
}

/// A panel.
#[derive(Clone, Debug)]
pub struct Panel {
    /// What it is called.
    pub title: &'static str,
    /// How its axis is labelled.
    pub unit: fn(f64) -> String,
    /// Its lines.
    pub lines: Vec<Line>,
    /// Where its axis must reach to.
    pub reach: f64,
    /// A level that is worth a dashed line, and what it is.
    pub mark: Option<(f64, &'static str)>,
}

/// Something that went on for a while, or happened at a moment.
#[derive(Clone, Debug)]
pub struct Phase {
    /// What.
    pub name: &'static str,
    /// From when, and till when, as shares of the whole time.
    pub during: (f64, f64),
}

/// A place in the picture.
#[derive(Clone, Copy, Debug)]
pub struct Place {
    /// Its left.
    pub x: f64,
    /// Its top.
    pub y: f64,
    /// Its width.
    pub width: f64,
    /// Its height.
    pub height: f64,
}

/// The colours of lines, in their order: each can be told from the others by who confuses red with green.
pub const COLOURS: [&str; 4] = ["#2563eb", "#e8890c", "#0d9488", "#9333ea"];
/// What is behind lines.
const GRID: &str = "#e9ecf0";
const PHASE: &str = "#f4f6fb";
const SMALL: Font = Font { size: 11, colour: FAINT, bold: false };
/// Between a panel's border and what is in it.
pub const PADDING: f64 = 16.0;
/// Room for the labels of the axis.
pub const AXIS: f64 = 50.0;

/// Draws a panel of `seconds` into its place.
pub fn draw(svg: &mut Svg, panel: &Panel, place: Place, phases: &[Phase], seconds: f64) {
    svg.card((place.x, place.y), (place.width, place.height));
    svg.text((place.x + PADDING, place.y + 25.0), panel.title, BOLD, Anchor::Start);
    legend(svg, panel, place);
    let (left, right) = (place.x + PADDING + AXIS, place.x + place.width - PADDING);
    let (top, bottom) = (place.y + 44.0, place.y + place.height - 30.0);
    let x = |share: f64| left + share * (right - left);
    for phase in phases {
        let (from, to) = (x(phase.during.0), x(phase.during.1));
        svg.rectangle((from, top - 4.0), ((to - from).max(2.0), bottom - top + 4.0), 0.0, PHASE);
    }
    let values = panel.lines.iter().flat_map(|line| &line.values).copied().filter(|value| value.is_finite());
    let most = nice(values.fold(panel.reach, f64::max));
    let y = |value: f64| bottom - value / most * (bottom - top);
    for part in 0..=4 {
        let level = most * f64::from(part) / 4.0;
        svg.line(&[(left, y(level)), (right, y(level))], 1.0, GRID);
        if part % 2 == 0 {
            svg.text((left - 8.0, y(level) + 4.0), &(panel.unit)(level), SMALL, Anchor::End);
        }
    }
    if let Some((level, name)) = panel.mark {
        svg.dashed((left, y(level)), (right, y(level)), FAINT);
        svg.text((right, y(level) - 5.0), name, SMALL, Anchor::End);
    }
    for (line, colour) in panel.lines.iter().zip(COLOURS) {
        for points in pieces(&line.values, x, y) {
            if panel.lines.len() < 3 {
                svg.area(&points, bottom, colour, 0.10);
            }
            svg.line(&points, 1.8, colour);
        }
    }
    for (share, anchor) in [(0.0, Anchor::Start), (0.5, Anchor::Middle), (1.0, Anchor::End)] {
        svg.text((x(share), bottom + 17.0), &format!("{:.0} s", seconds * share), SMALL, anchor);
    }
}

/// From right to left, each name in the colour of its line.
fn legend(svg: &mut Svg, panel: &Panel, place: Place) {
    let mut right = place.x + place.width - PADDING;
    for (line, colour) in panel.lines.iter().zip(COLOURS).rev() {
        svg.text((right, place.y + 25.0), &line.name, Font { size: 11, colour: INK, bold: false }, Anchor::End);
        right -= line.name.chars().count() as f64 * 6.2 + 8.0;
        svg.dot((right, place.y + 21.0), 4.0, colour);
        right -= 14.0;
    }
}

/// The points of a line, apart where there is no value between them.
pub fn pieces(values: &[f64], x: impl Fn(f64) -> f64, y: impl Fn(f64) -> f64) -> Vec<Vec<(f64, f64)>> {
    let last = (values.len().max(2) - 1) as f64;
    let points: Vec<_> = values.iter().enumerate().map(|(at, &value)| (at as f64 / last, value)).collect();
    points
        .split(|(_, value)| !value.is_finite())
        .filter(|piece| !piece.is_empty())
        .map(|piece| piece.iter().map(|&(at, value)| (x(at), y(value))).collect())
        .collect()
}

/// The next number of which a quarter and a half are round, or nearly.
fn nice(most: f64) -> f64 {
    let power = 10_f64.powf(most.max(1e-9).log10().floor());
    let steps = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0];
    steps.into_iter().map(|step| step * power).find(|&step| step >= most * 0.999_999).unwrap_or(most)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_axis_ends_at_a_round_number_not_far_above() {
        assert_eq!([0.7, 1.0, 13.0, 2_080.0, 4_900.0].map(nice), [0.7, 1.0, 20.0, 3_000.0, 5_000.0].map(nice));
        assert_eq!([1.0, 13.0, 2_080.0].map(nice), [1.0, 20.0, 3_000.0]);
    }

    #[test]
    fn a_line_is_interrupted_where_nothing_was_measured() {
        let found = pieces(&[1.0, f64::NAN, 3.0, 4.0], |at| at * 3.0, |value| value);
        assert_eq!(found, [vec![(0.0, 1.0)], vec![(2.0, 3.0), (3.0, 4.0)]]);
    }

    #[test]
    fn a_panel_has_every_line_by_name() {
        let panel = Panel {
            title: "Reads",
            unit: |it| it.to_string(),
            lines: vec![Line::new("hits", vec![1.0, 2.0]), Line::new("misses", vec![0.0, 1.0])],
            reach: 0.0,
            mark: Some((1.5, "limit")),
        };
        let mut svg = Svg::new(400, 200);
        let place = Place { x: 0.0, y: 0.0, width: 400.0, height: 200.0 };
        draw(&mut svg, &panel, place, &[Phase { name: "rush", during: (0.2, 0.4) }], 60.0);
        let svg = svg.finish();
        for shown in ["Reads", "hits", "misses", "limit", "polyline", "polygon", "60 s"] {
            assert!(svg.contains(shown), "{shown} in {svg}");
        }
    }
}

//! Owns tables in Markdown that are also legible as plain text.
//!
//! Must never wrap or cut a cell.

use std::time::Duration;

/// Rows of cells; the first row is the head. The first column is text, the others are numbers, aligned to the right.
#[derive(Debug)]
pub struct Table(Vec<Vec<String>>);

impl Table {
    /// A table with these columns.
    pub fn new<S: Into<String>>(head: impl IntoIterator<Item = S>) -> Self {
        Self(vec![head.into_iter().map(Into::into).collect()])
    }

    /// Adds a row.
    pub fn row(&mut self, cells: Vec<String>) {
        self.0.push(cells);
    }

    /// Markdown, with every column as wide as its widest cell.
    pub fn render(&self) -> String {
        let columns = self.0[0].len();
        let width = |column: usize| {
            self.0.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max().unwrap_or(0).max(2)
        };
        let widths: Vec<_> = (0..columns).map(width).collect();
        let mut text = String::new();
        for (at, row) in self.0.iter().enumerate() {
            text += &line(row.iter().zip(&widths).enumerate().map(|(column, (cell, width))| pad(cell, *width, column)));
            if at == 0 {
                text += &line(widths.iter().enumerate().map(|(column, width)| match column {
                    0 => "-".repeat(*width),
                    _ => format!("{}:", "-".repeat(width - 1)),
                }));
            }
        }
        text
    }
}

fn line(cells: impl Iterator<Item = String>) -> String {
    format!("| {} |\n", cells.collect::<Vec<_>>().join(" | "))
}

fn pad(cell: &str, width: usize, column: usize) -> String {
    let missing = " ".repeat(width.saturating_sub(cell.chars().count()));
    if column == 0 { format!("{cell}{missing}") } else { format!("{missing}{cell}") }
}

/// A rate in three digits: `987`, `52.5k`, `199k`, `1.23M`.
pub fn rate(rate: f64) -> String {
    match rate {
        _ if rate >= 999_500.0 => format!("{:.2}M", rate / 1e6),
        _ if rate >= 99_950.0 => format!("{:.0}k", rate / 1e3),
        _ if rate >= 999.5 => format!("{:.1}k", rate / 1e3),
        _ => format!("{rate:.0}"),
    }
}

/// A time in the unit that suits it.
pub fn time(time: Duration) -> String {
    let micros = time.as_secs_f64() * 1e6;
    match micros {
        _ if micros >= 9_995.0 => format!("{:.0} ms", micros / 1e3),
        _ if micros >= 995.0 => format!("{:.1} ms", micros / 1e3),
        _ => format!("{micros:.0} µs"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let mut table = Table::new(["", "get"]);
        table.row(vec!["cache_pg".to_owned(), "52.5k".to_owned()]);
        table.row(vec!["µ".to_owned(), "1".to_owned()]);
        assert_eq!(
            table.render(),
            "|          |   get |\n\
             | -------- | ----: |\n\
             | cache_pg | 52.5k |\n\
             | µ        |     1 |\n"
        );
    }

    #[test]
    fn numbers_have_three_digits() {
        assert_eq!(
            [987.0, 52_480.0, 99_960.0, 199_400.0, 1_234_000.0].map(rate),
            ["987", "52.5k", "100k", "199k", "1.23M"]
        );
        assert_eq!([17, 1_540, 23_400].map(|micros| time(Duration::from_micros(micros))), ["17 µs", "1.5 ms", "23 ms"]);
    }
}

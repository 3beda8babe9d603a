//! In: what some things came to, time after time. Out: that as data, and as a picture that needs no script. Never: where the numbers
//! are from.

mod svg;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How many series a chart shows at most: beyond that nobody tells the colors apart.
pub const SERIES_MAX: usize = 4;

/// What some things came to, time after time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Chart {
    /// A word for a file's name, like `deployments`.
    pub name: String,
    /// What it shows, for a person.
    pub title: String,
    /// What the numbers are in: `h`, `of 100`; empty where things are counted.
    pub unit: String,
    /// How it is drawn.
    pub style: Style,
    /// The days the times begin with, the oldest first: 2026-01-31.
    pub times: Vec<String>,
    /// What is shown, at most four.
    pub series: Vec<Series>,
}

/// How a chart is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Style {
    /// For what is counted.
    Bars,
    /// For what is measured, and may be missing.
    Lines,
}

/// One thing, time after time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Series {
    /// What it is.
    pub name: String,
    /// As many as there are times; null where there is nothing to measure.
    pub values: Vec<Option<f64>>,
}

/// Whose colors a picture has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Colors {
    /// Its own, light or dark as whoever looks at it has it: for a file.
    Own,
    /// Those of the page it is in, by class names: `chart-0` to `chart-3`, `chart-text`, `chart-grid`.
    OfPage,
}

impl Chart {
    /// The picture, as an SVG element.
    pub fn svg(&self, colors: Colors) -> String {
        svg::drawn(self, colors)
    }

    /// Whether there is anything to see.
    pub fn is_empty(&self) -> bool {
        let mut values = self.series.iter().flat_map(|series| &series.values);
        values.all(|value| value.is_none_or(|value| value == 0.0))
    }

    /// The same in words, for whoever cannot see it.
    pub fn in_words(&self) -> String {
        let series = self.series.iter().map(|series| {
            let values = self.times.iter().zip(&series.values);
            let told: Vec<String> = values
                .map(|(time, value)| match value.filter(|value| value.is_finite()) {
                    Some(value) => format!("{time} {}", number(value)),
                    None => format!("{time} nothing"),
                })
                .collect();
            match self.unit.as_str() {
                "" => format!("{}: {}", series.name, told.join(", ")),
                unit => format!("{} ({unit}): {}", series.name, told.join(", ")),
            }
        });
        series.collect::<Vec<_>>().join("; ")
    }
}

/// With one decimal, where it is not whole.
fn number(value: f64) -> String {
    let value = (value * 10.0).round() / 10.0;
    match value.fract() == 0.0 {
        true => format!("{value:.0}"),
        false => format!("{value:.1}"),
    }
}

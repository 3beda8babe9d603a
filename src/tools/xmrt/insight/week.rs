//! In: what weeks came to. Out: charts of it. Never: a measure.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;

use super::stretch::{Spread, Window, tenth};
use crate::chart::{Chart, Series, Style};
use crate::tools::when::day;

/// How many weeks can be asked for: what lies farther back the providers do not keep.
const WEEKS_MAX: u32 = 26;

/// What a week came to.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Week<M> {
    /// Its beginning.
    #[schemars(with = "String")]
    pub(super) since: Timestamp,
    pub(super) measures: M,
}

/// The weeks of a call that asks for so many, up to the end of `window`, the oldest first.
pub(super) fn weeks_of(asked: Option<u32>, window: Window) -> Vec<Window> {
    window.weeks(asked.unwrap_or(0).min(WEEKS_MAX))
}

/// What each of them came to.
pub(super) fn measured<M>(weeks: Vec<Window>, measure: impl Fn(Window) -> M) -> Vec<Week<M>> {
    let of = |week: Window| Week {
        since: week.since,
        measures: measure(week),
    };
    weeks.into_iter().map(of).collect()
}

/// From the beginning of all that is looked at: a window, the one before it, and the weeks.
pub(super) fn since(window: Window, weeks: &[Window]) -> Timestamp {
    let before = window.before().since;
    weeks.first().map_or(before, |week| week.since.min(before))
}

/// Weeks and what is drawn of them.
pub(super) struct Drawing<'a, M>(pub(super) &'a [Week<M>]);

impl<M> Drawing<'_, M> {
    /// How many of something there were.
    pub(super) fn count(&self, name: &str, read: fn(&M) -> u32) -> Series {
        self.series(name, |measures| Some(f64::from(read(measures))))
    }

    /// How long something took, in hours.
    pub(super) fn hours(&self, name: &str, read: fn(&M) -> Option<Spread>) -> Series {
        self.series(name, |measures| {
            Some(tenth(read(measures)?.median_seconds as f64 / 3_600.0))
        })
    }

    fn series(&self, name: &str, read: impl Fn(&M) -> Option<f64>) -> Series {
        Series {
            name: name.to_owned(),
            values: self.0.iter().map(|week| read(&week.measures)).collect(),
        }
    }

    /// Bars of what is counted.
    pub(super) fn bars(&self, name: &str, title: &str, unit: &str, series: Vec<Series>) -> Chart {
        self.chart(Style::Bars, name, title, unit, series)
    }

    /// Lines of what took hours.
    pub(super) fn lines(&self, name: &str, title: &str, series: Vec<Series>) -> Chart {
        self.chart(Style::Lines, name, title, "h", series)
    }

    fn chart(&self, style: Style, name: &str, title: &str, unit: &str, series: Vec<Series>) -> Chart {
        Chart {
            name: name.to_owned(),
            title: title.to_owned(),
            unit: unit.to_owned(),
            style,
            times: self.0.iter().map(|week| day(week.since)).collect(),
            series,
        }
    }
}

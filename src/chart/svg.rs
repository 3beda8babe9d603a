//! In: a chart. Out: an SVG element. Never: a script, a font, anything from elsewhere.

use std::fmt::Write;

use super::{Chart, Colors, SERIES_MAX, Series, Style, number};

/// The picture's size, and what is left around the plot, in its own units.
const SIZE: (f64, f64) = (720.0, 260.0);
const LEFT: f64 = 52.0;
const RIGHT: f64 = 16.0;
const TOP: f64 = 62.0;
const BOTTOM: f64 = 30.0;
/// How many lines the grid has at most, the one at zero not counted.
const GRID_MAX: f64 = 4.0;
/// How many days are written below at most.
const LABELS_MAX: usize = 12;
/// How much of a time's place its bars take.
const BARS_SHARE: f64 = 0.7;
/// How wide a letter is taken to be, in the legend.
const LETTER: f64 = 6.6;

/// As whoever looks at it has it: a file is seen on white and on black.
const STYLE: &str = "<style>\
svg{background:#fff;font:12px system-ui,sans-serif}\
.chart-text{fill:#1f2937}.chart-grid{stroke:#d1d5db}\
.chart-0{fill:#2563eb;stroke:#2563eb}.chart-1{fill:#b45309;stroke:#b45309}\
.chart-2{fill:#047857;stroke:#047857}.chart-3{fill:#b91c1c;stroke:#b91c1c}\
@media(prefers-color-scheme:dark){svg{background:#0d1117}\
.chart-text{fill:#e5e7eb}.chart-grid{stroke:#374151}\
.chart-0{fill:#60a5fa;stroke:#60a5fa}.chart-1{fill:#fbbf24;stroke:#fbbf24}\
.chart-2{fill:#34d399;stroke:#34d399}.chart-3{fill:#f87171;stroke:#f87171}}\
</style>";

/// Where things are in the picture.
struct Plot<'a> {
    chart: &'a Chart,
    /// The value at the top, and the distance of two lines of the grid.
    top: f64,
    step: f64,
    /// How wide the place of one time is.
    band: f64,
}

pub(super) fn drawn(chart: &Chart, colors: Colors) -> String {
    let plot = Plot::of(chart);
    let (width, height) = SIZE;
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" role=\"img\" class=\"chart\">\
         <title>{}</title><desc>{}</desc>",
        escaped(&chart.title),
        escaped(&chart.in_words()),
    );
    if colors == Colors::Own {
        out.push_str(STYLE);
    }
    plot.heading(&mut out);
    plot.grid(&mut out);
    for (place, series) in shown(chart) {
        match chart.style {
            Style::Bars => plot.bars(place, series, &mut out),
            Style::Lines => plot.line(place, series, &mut out),
        }
    }
    plot.days(&mut out);
    out.push_str("</svg>\n");
    out
}

fn shown(chart: &Chart) -> impl Iterator<Item = (usize, &Series)> {
    chart.series.iter().take(SERIES_MAX).enumerate()
}

impl<'a> Plot<'a> {
    fn of(chart: &'a Chart) -> Self {
        let values = shown(chart).flat_map(|(_, series)| series.values.iter().flatten());
        let most = values
            .copied()
            .filter(|value| value.is_finite())
            .fold(0.0, f64::max);
        let step = step(most, chart.style);
        Self {
            chart,
            top: (most / step).ceil().max(1.0) * step,
            step,
            band: (SIZE.0 - LEFT - RIGHT) / chart.times.len().max(1) as f64,
        }
    }

    fn y(&self, value: f64) -> f64 {
        let share = (value.max(0.0) / self.top).min(1.0);
        SIZE.1 - BOTTOM - share * (SIZE.1 - BOTTOM - TOP)
    }

    /// What it is, and which color is what.
    fn heading(&self, out: &mut String) {
        text(
            out,
            (LEFT, 22.0),
            "start",
            &self.chart.title,
            " font-weight=\"600\"",
        );
        let mut x = LEFT;
        for (place, series) in shown(self.chart) {
            let _ = write!(
                out,
                "<rect class=\"chart-{place}\" x=\"{x:.1}\" y=\"33\" width=\"10\" height=\"10\"/>"
            );
            let name = match self.chart.unit.as_str() {
                "" => series.name.clone(),
                unit => format!("{}, {unit}", series.name),
            };
            text(out, (x + 16.0, 42.0), "start", &name, "");
            x += 34.0 + name.chars().count() as f64 * LETTER;
        }
    }

    fn grid(&self, out: &mut String) {
        let lines = (self.top / self.step).round() as u32;
        for line in 0..=lines {
            let value = f64::from(line) * self.step;
            let y = self.y(value);
            let _ = write!(
                out,
                "<line class=\"chart-grid\" x1=\"{LEFT}\" x2=\"{:.1}\" y1=\"{y:.1}\" y2=\"{y:.1}\"/>",
                SIZE.0 - RIGHT
            );
            text(out, (LEFT - 8.0, y + 4.0), "end", &number(value), "");
        }
        if self.chart.is_empty() {
            let middle = (
                LEFT + (SIZE.0 - LEFT - RIGHT) / 2.0,
                (TOP + SIZE.1 - BOTTOM) / 2.0,
            );
            text(out, middle, "middle", "nothing in this time", "");
        }
    }

    /// The middle of a time's place.
    fn middle(&self, time: usize) -> f64 {
        LEFT + (time as f64 + 0.5) * self.band
    }

    fn bars(&self, place: usize, series: &Series, out: &mut String) {
        let count = shown(self.chart).count().max(1) as f64;
        let width = self.band * BARS_SHARE / count;
        for (time, value) in self.known(series) {
            let x = self.middle(time) + (place as f64 - count / 2.0) * width;
            let y = self.y(value);
            let height = SIZE.1 - BOTTOM - y;
            let _ = write!(
                out,
                "<rect class=\"chart-{place}\" x=\"{x:.1}\" y=\"{y:.1}\" width=\"{:.1}\" height=\"{height:.1}\">",
                (width - 2.0).max(1.0)
            );
            self.hint(series, time, value, out);
            out.push_str("</rect>");
        }
    }

    /// What is not known is a gap and not zero.
    fn line(&self, place: usize, series: &Series, out: &mut String) {
        let mut before: Option<(usize, f64)> = None;
        for (time, value) in self.known(series) {
            let (x, y) = (self.middle(time), self.y(value));
            if let Some((last, from)) = before.filter(|(last, _)| last + 1 == time) {
                let _ = write!(
                    out,
                    "<line class=\"chart-{place}\" stroke-width=\"2\" x1=\"{:.1}\" y1=\"{:.1}\" x2=\"{x:.1}\" y2=\"{y:.1}\"/>",
                    self.middle(last),
                    self.y(from)
                );
            }
            let _ = write!(
                out,
                "<circle class=\"chart-{place}\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"3.5\">"
            );
            self.hint(series, time, value, out);
            out.push_str("</circle>");
            before = Some((time, value));
        }
    }

    fn known<'s>(&self, series: &'s Series) -> impl Iterator<Item = (usize, f64)> + use<'s> {
        let values = series.values.iter().take(self.chart.times.len()).enumerate();
        values.filter_map(|(time, value)| Some((time, value.filter(|value| value.is_finite())?)))
    }

    /// What is told of a place that somebody points at.
    fn hint(&self, series: &Series, time: usize, value: f64, out: &mut String) {
        let day = self.chart.times.get(time).map_or("", String::as_str);
        let hint = format!("{day}: {}, {} {}", series.name, number(value), self.chart.unit);
        let _ = write!(out, "<title>{}</title>", escaped(&hint));
    }

    fn days(&self, out: &mut String) {
        let every = self.chart.times.len().div_ceil(LABELS_MAX).max(1);
        for (time, day) in self.chart.times.iter().enumerate().step_by(every) {
            // The year is in the words around it.
            let day = day.get(5..).unwrap_or(day);
            text(out, (self.middle(time), SIZE.1 - 10.0), "middle", day, "");
        }
    }
}

fn text(out: &mut String, (x, y): (f64, f64), anchor: &str, words: &str, more: &str) {
    let _ = write!(
        out,
        "<text class=\"chart-text\" x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\"{more}>{}</text>",
        escaped(words)
    );
}

/// 1, 2 or 5 times a power of ten, so that a few of them reach the top.
fn step(most: f64, style: Style) -> f64 {
    if most <= 0.0 {
        return 1.0;
    }
    let rough = most / GRID_MAX;
    let power = 10f64.powf(rough.log10().floor());
    let steps = [1.0, 2.0, 5.0, 10.0];
    let fits = steps.iter().find(|step| **step * power >= rough * 0.999_999);
    // Half a deployment is no place on an axis.
    let least = if style == Style::Bars { 1.0 } else { 0.1 };
    (fits.unwrap_or(&10.0) * power).max(least)
}

fn escaped(words: &str) -> String {
    let mut out = String::with_capacity(words.len());
    for c in words.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            // XML has no way to say the others.
            c if c.is_control() => out.push(' '),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chart(style: Style, values: &[&[Option<f64>]]) -> Chart {
        let times = values.first().map_or(0, |values| values.len());
        Chart {
            name: "sample".to_owned(),
            title: "A <sample> & more".to_owned(),
            unit: "h".to_owned(),
            style,
            times: (1..=times).map(|day| format!("2026-11-{day:02}")).collect(),
            series: values
                .iter()
                .map(|values| Series {
                    name: "lead time".to_owned(),
                    values: values.to_vec(),
                })
                .collect(),
        }
    }

    /// Elements of a name, as an XML parser has them.
    fn count(svg: &str, name: &str, class: &str) -> usize {
        let read = roxmltree::Document::parse(svg).unwrap();
        let is = |node: &roxmltree::Node<'_, '_>| {
            node.has_tag_name(("http://www.w3.org/2000/svg", name)) && node.attribute("class") == Some(class)
        };
        read.descendants().filter(is).count()
    }

    #[test]
    fn the_grid_has_few_lines_and_reaches_the_top() {
        for most in [
            0.0, 0.3, 1.0, 2.0, 3.0, 4.0, 7.0, 9.9, 10.0, 11.0, 99.0, 100.0, 1e6,
        ] {
            let chart = chart(Style::Lines, &[&[Some(most)]]);
            let plot = Plot::of(&chart);
            let lines = plot.top / plot.step;
            assert!(plot.top >= most && plot.top > 0.0, "{most}");
            assert!(
                (lines - lines.round()).abs() < 1e-9 && (1.0..=5.0).contains(&lines),
                "{most}: {lines}"
            );
            assert!(plot.y(most) >= TOP - 1e-6, "{most}");
            let counted = Plot {
                step: step(most, Style::Bars),
                ..plot
            };
            assert!(counted.step.fract() == 0.0, "{most}: {}", counted.step);
        }
    }

    #[test]
    fn what_is_not_known_is_a_gap() {
        let svg = chart(Style::Lines, &[&[Some(1.0), Some(2.0), None, Some(3.0)]]).svg(Colors::OfPage);
        assert_eq!(count(&svg, "circle", "chart-0"), 3);
        assert_eq!(count(&svg, "line", "chart-0"), 1);
        assert!(!svg.contains("<style>"));
    }

    #[test]
    fn bars_of_two_stand_side_by_side_and_the_legend_names_both() {
        let svg = chart(Style::Bars, &[&[Some(1.0), Some(0.0)], &[Some(2.0), None]]).svg(Colors::Own);
        // One in the legend each.
        assert_eq!(count(&svg, "rect", "chart-0"), 3);
        assert_eq!(count(&svg, "rect", "chart-1"), 2);
        assert!(svg.contains("prefers-color-scheme:dark"));
        assert!(svg.contains("A &lt;sample&gt; &amp; more"));
    }

    #[test]
    fn what_a_number_is_not_and_more_than_there_are_times_is_not_drawn() {
        let mut odd = chart(Style::Bars, &[&[Some(f64::NAN), Some(f64::INFINITY), Some(1.0)]]);
        odd.times.pop();
        odd.times.pop();
        odd.series = vec![odd.series[0].clone(); 6];
        let svg = odd.svg(Colors::Own);
        assert_eq!(count(&svg, "rect", "chart-0"), 1);
        assert_eq!(count(&svg, "rect", "chart-4"), 0);
        assert!(!svg.contains("NaN") && !svg.contains("inf"));
    }

    #[test]
    fn nothing_says_so() {
        let nothing = chart(Style::Bars, &[&[Some(0.0), None]]);
        assert!(nothing.is_empty());
        assert!(nothing.svg(Colors::Own).contains("nothing in this time"));
        assert!(
            chart(Style::Bars, &[])
                .svg(Colors::Own)
                .contains("nothing in this time")
        );
    }
}

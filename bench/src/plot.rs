//! Curves as SVG files.

use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow};
use plotters::coord::Shift;
use plotters::coord::ranged1d::ValueFormatter;
use plotters::prelude::*;

const SIZE: (u32, u32) = (800, 420);
const COLOURS: [RGBColor; 5] = [
    RGBColor(31, 119, 180),
    RGBColor(214, 39, 40),
    RGBColor(44, 160, 44),
    RGBColor(148, 103, 189),
    RGBColor(255, 127, 14),
];

/// A picture of curves over one axis.
pub struct Plot {
    /// The file's name, without its end.
    pub name: &'static str,
    /// What stands over it.
    pub title: String,
    /// What the axes measure, the lower one first.
    pub axes: [&'static str; 2],
    /// Whether both axes are logarithmic, so that what grows in proportion is a straight line; else both begin at 0.
    pub logarithmic: bool,
    /// The curves' names and points.
    pub curves: Vec<(String, Vec<(f64, f64)>)>,
}

impl Plot {
    /// Writes it into a folder.
    ///
    /// # Errors
    /// There are no points; the file cannot be written.
    pub fn write(&self, folder: &Path) -> Result<PathBuf> {
        fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
        let file = folder.join(self.name).with_extension("svg");
        let area = SVGBackend::new(&file, SIZE).into_drawing_area();
        self.draw(&area).map_err(|error| anyhow!("{}: {error}", file.display()))?;
        drop(area);
        Ok(file)
    }

    fn draw(&self, area: &DrawingArea<SVGBackend<'_>, Shift>) -> Result<()> {
        area.fill(&WHITE)?;
        let (x, y) = (self.range(|point| point.0), self.range(|point| point.1));
        let mut chart = ChartBuilder::on(area);
        chart.caption(&self.title, ("sans-serif", 20)).margin(12).x_label_area_size(40).y_label_area_size(60);
        match self.logarithmic {
            true => self.fill(&mut chart.build_cartesian_2d(x.log_scale(), y.log_scale())?),
            false => self.fill(&mut chart.build_cartesian_2d(x, y)?),
        }
    }

    /// What an axis shows: all points, with some room beyond the largest.
    fn range(&self, coordinate: impl Fn(&(f64, f64)) -> f64) -> Range<f64> {
        let all = || self.curves.iter().flat_map(|(_, points)| points).map(&coordinate);
        let largest = all().fold(f64::MIN_POSITIVE, f64::max);
        if self.logarithmic { all().fold(largest, f64::min) / 1.5..largest * 1.5 } else { 0.0..largest * 1.1 }
    }

    fn fill<'a, X, Y>(&self, chart: &mut ChartContext<'a, SVGBackend<'a>, Cartesian2d<X, Y>>) -> Result<()>
    where
        X: Ranged<ValueType = f64> + ValueFormatter<f64>,
        Y: Ranged<ValueType = f64> + ValueFormatter<f64>,
    {
        let [x, y] = self.axes;
        let words = ("sans-serif", 15);
        let mut mesh = chart.configure_mesh();
        mesh.x_desc(x).y_desc(y).label_style(words).light_line_style(TRANSPARENT);
        mesh.x_label_formatter(&label).y_label_formatter(&label).draw()?;
        for ((name, points), colour) in self.curves.iter().zip(COLOURS.iter().cycle()) {
            let line = LineSeries::new(points.iter().copied(), colour.stroke_width(2));
            let sample = move |(x, y)| PathElement::new([(x, y), (x + 16, y)], colour.stroke_width(2));
            chart.draw_series(line)?.label(name).legend(sample);
        }
        let mut legend = chart.configure_series_labels();
        legend
            .position(SeriesLabelPosition::LowerRight)
            .label_font(words)
            .background_style(WHITE)
            .border_style(BLACK)
            .draw()?;
        Ok(())
    }
}

/// A figure on an axis, to three digits and without what floating point adds.
fn label(figure: &f64) -> String {
    let digits = (2 - figure.abs().max(f64::MIN_POSITIVE).log10().floor() as i32).clamp(0, 6);
    let text = format!("{figure:.*}", digits as usize);
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_on_an_axis_are_short() {
        let figures = [0.0, 0.1 + 0.2, 1.0, 12.5, 120.0, 100_000.0];
        assert_eq!(figures.map(|figure| label(&figure)), ["0", "0.3", "1", "12.5", "120", "100000"]);
    }

    #[test]
    fn a_plot_is_a_file_with_its_words_and_a_line_for_each_curve() {
        let folder = tempfile::tempdir().unwrap();
        for logarithmic in [false, true] {
            let curves = vec![("one".to_owned(), vec![(1.0, 2.0), (10.0, 20.0)]), ("two".to_owned(), vec![(3.0, 4.0)])];
            let plot = Plot { name: "plot", title: "A title".to_owned(), axes: ["s", "MiB"], logarithmic, curves };
            let text = fs::read_to_string(plot.write(folder.path()).unwrap()).unwrap();
            assert!(["A title", "one", "two", "MiB"].iter().all(|word| text.contains(word)), "{text}");
            assert!(text.trim_end().ends_with("</svg>"), "{text}");
        }
    }
}

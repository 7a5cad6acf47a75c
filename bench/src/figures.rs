//! What is said of several rounds: the median, and how far they lie apart.

use serde::Serialize;

/// The figures of several rounds, all in one unit.
#[derive(Clone, Debug, Default)]
pub struct Rounds(Vec<f64>);

/// What is said of them.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Figure {
    /// The middle one; of an even number the mean of the two in the middle.
    pub median: f64,
    /// The smallest.
    pub min: f64,
    /// The largest.
    pub max: f64,
}

impl Rounds {
    /// Adds a round.
    pub fn push(&mut self, figure: f64) {
        self.0.push(figure);
    }

    /// The same; none where there was no round.
    pub fn any_figure(&self) -> Option<Figure> {
        (!self.0.is_empty()).then(|| self.figure())
    }

    /// What is said of them.
    ///
    /// # Panics
    /// Where there was no round.
    pub fn figure(&self) -> Figure {
        let mut sorted = self.0.clone();
        sorted.sort_by(f64::total_cmp);
        let (min, max) = (sorted[0], sorted[sorted.len() - 1]);
        let middle = sorted.len() / 2;
        let median = if sorted.len() % 2 == 1 { sorted[middle] } else { (sorted[middle - 1] + sorted[middle]) / 2.0 };
        Figure { median, min, max }
    }
}

/// How the figures of one are to those of another, pair by pair.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Ratio {
    /// The median of the ratios.
    pub median: f64,
    /// Where the interval begins that holds the true median with a probability of 95 %.
    pub low: f64,
    /// Where it ends.
    pub high: f64,
}

/// Returns how rounds are to the others, which ran by turns with them. The interval lies between two of the ratios, as
/// many from either end as a fair coin's heads leave; so nothing is assumed of how they are spread.
///
/// # Panics
/// Where there was no round.
pub fn ratio(these: &Rounds, others: &Rounds) -> Ratio {
    let ratios = Rounds(these.0.iter().zip(&others.0).map(|(this, other)| this / other).collect());
    let mut sorted = ratios.0.clone();
    sorted.sort_by(f64::total_cmp);
    let count = sorted.len();
    let mut left = 0;
    let mut chance = 0.5_f64.powi(count as i32);
    let mut sum = chance;
    while sum <= 0.025 {
        left += 1;
        chance *= (count - left + 1) as f64 / left as f64;
        sum += chance;
    }
    let from = left.saturating_sub(1);
    Ratio { median: ratios.figure().median, low: sorted[from], high: sorted[count - 1 - from] }
}

/// How much the second figure of these points grows for one more of the first: the slope of the straight line that lies nearest.
pub fn slope(points: &[(f64, f64)]) -> f64 {
    let count = points.len() as f64;
    let (x, y) = points.iter().fold((0.0, 0.0), |(x, y), point| (x + point.0 / count, y + point.1 / count));
    let spread: f64 = points.iter().map(|point| (point.0 - x).powi(2)).sum();
    points.iter().map(|point| (point.0 - x) * (point.1 - y)).sum::<f64>() / spread
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figure_of(figures: &[f64]) -> Figure {
        Rounds(figures.to_vec()).figure()
    }

    #[test]
    fn the_median_lies_in_the_middle_of_the_sorted_rounds() {
        assert_eq!(figure_of(&[3.0, 1.0, 9.0]), Figure { median: 3.0, min: 1.0, max: 9.0 });
        assert_eq!(figure_of(&[4.0, 1.0, 2.0, 9.0]), Figure { median: 3.0, min: 1.0, max: 9.0 });
        assert_eq!(figure_of(&[5.0]), Figure { median: 5.0, min: 5.0, max: 5.0 });
    }

    #[test]
    fn the_interval_of_twenty_ratios_lies_between_the_sixth_and_the_fifteenth() {
        let these = Rounds((1..=20).map(f64::from).collect());
        let others = Rounds(vec![1.0; 20]);
        assert_eq!(ratio(&these, &others), Ratio { median: 10.5, low: 6.0, high: 15.0 });
        let few = ratio(&Rounds(vec![1.0, 2.0]), &Rounds(vec![1.0, 1.0]));
        assert_eq!((few.low, few.high), (1.0, 2.0), "of few it is all of them");
    }

    #[test]
    fn the_slope_is_that_of_the_line_through_the_points() {
        assert_eq!(slope(&[(0.0, 5.0), (1.0, 7.0), (2.0, 9.0)]), 2.0);
        assert_eq!(slope(&[(0.0, 5.0), (1.0, 9.0), (2.0, 5.0)]), 0.0);
    }
}

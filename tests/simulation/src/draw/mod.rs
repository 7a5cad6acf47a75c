//! Drawing scenarios: which configuration, which records and which faults a seed stands for.

mod faults;
mod kinds;
mod setup;

use fastrand::Rng;

use self::faults::Draw;
pub use self::kinds::{KINDS, Kind};
use self::setup::{draw_records, draw_setup, draw_style};
use crate::fault::Timed;
use crate::network::{MS, Network, SECOND};
use crate::scenario::Scenario;
use crate::scheduler::Nanos;

/// Draws a scenario of a kind, or of any.
///
/// # Errors
/// There is no such kind.
pub fn draw(seed: u64, kind: Option<&str>) -> Result<Scenario, String> {
    let mut rng = Rng::with_seed(seed);
    let kind = match kind {
        Some(name) => KINDS.iter().find(|kind| kind.name == name).ok_or_else(|| {
            let names: Vec<&str> = KINDS.iter().map(|kind| kind.name).collect();
            format!("no scenario \"{name}\"; there are {}", names.join(", "))
        })?,
        None => &KINDS[rng.usize(..KINDS.len())],
    };
    let mut setup = draw_setup(&mut rng);
    (kind.shape)(&mut setup, &mut rng);
    // `check` refuses both together.
    setup.holds_key &= !setup.exactly_once;
    let instances: Vec<Nanos> = (0..rng.usize(1..=3)).map(|_| rng.u64(..3 * SECOND)).collect();
    let length = rng.u64(4 * SECOND..20 * SECOND);
    let records = draw_records(&mut rng, &setup, length);
    let mut faults = Vec::new();
    for _ in 0..rng.usize(..=kind.most_faults) {
        let fault = choose(&mut rng, kind.faults)(&mut rng, &setup, instances.len());
        faults.push(Timed { at: rng.u64(SECOND / 2..length + 2 * SECOND), fault });
    }
    faults.sort_by_key(|timed| timed.at);
    let style = draw_style(&mut rng, kind.name == "clean");
    let network = Network {
        longest: rng.u64(MS / 2..10 * MS),
        slow_per_mille: if kind.name == "clean" { 0 } else { rng.u32(..20) },
        slowest: rng.u64(20 * MS..800 * MS),
        ..Network::default()
    };
    let quiet_at = length + 4 * SECOND;
    Ok(Scenario { name: kind.name, seed, setup, style, network, brokers: 3, instances, records, faults, quiet_at })
}

fn choose(rng: &mut Rng, weighted: &[(Draw, u32)]) -> Draw {
    let mut drawn = rng.u32(..weighted.iter().map(|(_, weight)| *weight).sum::<u32>());
    for (draw, weight) in weighted {
        match drawn.checked_sub(*weight) {
            Some(rest) => drawn = rest,
            None => return *draw,
        }
    }
    weighted[0].0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_stands_for_one_scenario() {
        for seed in 0..100 {
            assert_eq!(draw(seed, None), draw(seed, None));
        }
        assert_ne!(draw(1, Some("storm")), draw(2, Some("storm")));
        assert!(draw(1, Some("none")).unwrap_err().contains("rebalance"));
    }

    #[test]
    fn every_kind_is_drawn() {
        let mut names: Vec<&str> = (0..500).map(|seed| draw(seed, None).unwrap().name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), KINDS.len());
    }
}

//! The scenarios, and which of them are selected.

use std::time::Duration;

use crate::options::Options;
use crate::report::Report;
use crate::trial::Trial;
use crate::{brokers, copies, failpoints, flow, letters, network, plugins, runner, stops};

/// The `delivery` of the pipeline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delivery {
    AtLeastOnce,
    ExactlyOnce,
}

impl Delivery {
    /// As in the pipeline file.
    pub fn name(self) -> &'static str {
        match self {
            Delivery::AtLeastOnce => "at_least_once",
            Delivery::ExactlyOnce => "exactly_once",
        }
    }
}

/// On which brokers a scenario takes place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ground {
    /// One broker, which other scenarios use before and after.
    Shared,
    /// Brokers of its own, which it may harm.
    Own { brokers: usize },
    /// One broker of its own that knows rights: who is let in through the plain listener may do everything, and
    /// [`trial::USER`](crate::trial::USER) what nobody has forbidden.
    Guarded,
}

/// When a scenario is run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Set {
    /// With every test run, and in the whole.
    Short,
    /// In the whole alone.
    Whole,
}

/// A fault, and what has to hold under it.
pub struct Scenario {
    pub name: &'static str,
    pub set: Set,
    pub modes: &'static [Delivery],
    pub ground: Ground,
    /// The deadline for all of it.
    pub limit: Duration,
    pub run: fn(Trial) -> Report,
}

const BOTH: &[Delivery] = &[Delivery::AtLeastOnce, Delivery::ExactlyOnce];
const EXACTLY_ONCE: &[Delivery] = &[Delivery::ExactlyOnce];

/// Three brokers: one may be away.
const THREE: Ground = Ground::Own { brokers: 3 };

const fn scenario(name: &'static str, set: Set, ground: Ground, seconds: u64, run: fn(Trial) -> Report) -> Scenario {
    Scenario { name, set, modes: BOTH, ground, limit: Duration::from_secs(seconds), run }
}

const fn exactly_once(scenario: Scenario) -> Scenario {
    Scenario { modes: EXACTLY_ONCE, ..scenario }
}

/// All of them. Those that share a broker come first, so that it is gone before three others start.
pub const SCENARIOS: &[Scenario] = &[
    scenario("kill", Set::Short, Ground::Shared, 420, runner::kill),
    scenario("stop", Set::Short, Ground::Shared, 240, runner::stop),
    scenario("copies-come-and-go", Set::Short, Ground::Shared, 300, copies::come_and_go),
    scenario("copies-newer-protocol", Set::Whole, Ground::Shared, 300, copies::come_and_go_with_the_newer_protocol),
    scenario("frozen-copy", Set::Short, Ground::Shared, 300, copies::frozen),
    scenario("same-instance-twice", Set::Whole, Ground::Shared, 240, copies::same_instance),
    scenario("static-membership", Set::Whole, Ground::Shared, 240, copies::restart_within_the_session),
    scenario("flow-in-a-rebalance", Set::Whole, Ground::Shared, 240, flow::rebalance),
    scenario("network-cut", Set::Whole, Ground::Shared, 240, network::cut),
    scenario("network-slow", Set::Whole, Ground::Shared, 240, network::slow),
    scenario("network-half-open", Set::Short, Ground::Shared, 240, network::half_open),
    scenario("network-dropped", Set::Whole, Ground::Shared, 240, network::dropped),
    scenario("plugin-poison", Set::Whole, Ground::Shared, 300, plugins::poison),
    scenario("plugin-slower-than-the-poll", Set::Whole, Ground::Shared, 240, plugins::slower_than_the_poll),
    scenario("dlq-missing", Set::Whole, Ground::Shared, 240, letters::missing),
    scenario("dlq-too-small", Set::Whole, Ground::Shared, 240, letters::too_small),
    scenario("dlq-unauthorised", Set::Whole, Ground::Guarded, 240, letters::unauthorised),
    scenario("crash-when-acknowledged", Set::Short, Ground::Shared, 240, failpoints::acknowledged),
    exactly_once(scenario("crash-with-offsets-sent", Set::Short, Ground::Shared, 240, failpoints::offsets_sent)),
    scenario("stop-in-a-loop", Set::Whole, Ground::Shared, 180, stops::in_a_loop),
    scenario("stop-half-open", Set::Whole, Ground::Shared, 180, stops::half_open),
    scenario("stop-without-brokers", Set::Whole, Ground::Own { brokers: 1 }, 180, stops::without_brokers),
    scenario("input-leader-away", Set::Whole, THREE, 300, flow::input_leader_away),
    scenario("leader-killed", Set::Short, THREE, 420, brokers::leader_killed),
    scenario("produce-errors", Set::Whole, THREE, 300, brokers::produce_errors),
    scenario("rolling-bounce", Set::Whole, THREE, 600, brokers::rolling_bounce),
    scenario("coordinators-killed", Set::Whole, THREE, 420, brokers::coordinators_killed),
    scenario("all-brokers-away", Set::Whole, THREE, 420, brokers::away),
];

impl Scenario {
    /// What it is called in one mode.
    pub fn title(&self, mode: Delivery) -> String {
        format!("{}/{}", self.name, mode.name())
    }
}

/// What these options select, in order.
pub fn selected(options: &Options) -> impl Iterator<Item = (&'static Scenario, Delivery)> {
    let all = SCENARIOS.iter().flat_map(|scenario| scenario.modes.iter().map(move |mode| (scenario, *mode)));
    all.filter(|(scenario, mode)| {
        let title = scenario.title(*mode);
        let is_wanted = options.filters.iter().all(|word| title.contains(word.as_str()));
        is_wanted && (options.is_whole || scenario.set == Set::Short)
    })
}

//! The network: how long requests take to a broker, and which get lost on the way.

use crate::scheduler::Nanos;
use crate::world::World;

/// A millisecond of virtual time.
pub const MS: Nanos = 1_000_000;
/// A second of virtual time.
pub const SECOND: Nanos = 1_000 * MS;

/// How long messages take; drawn for each history.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    /// The shortest way to a broker.
    pub shortest: Nanos,
    /// The longest usual way.
    pub longest: Nanos,
    /// Of 1,000 messages, how many take far longer.
    pub slow_per_mille: u32,
    /// How long those take at the most.
    pub slowest: Nanos,
    /// How long a client waits before it tries again what a broker did not take.
    pub retry_backoff: Nanos,
}

impl Default for Network {
    fn default() -> Self {
        Network { shortest: MS / 5, longest: 2 * MS, slow_per_mille: 0, slowest: MS, retry_backoff: 100 * MS }
    }
}

/// Why a request has no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unanswered {
    /// It did not reach the broker.
    Away,
    /// The broker went away; whether it did what it was asked is not known.
    Lost,
}

impl World {
    /// Draws how long one way to a broker takes.
    pub fn way(&mut self) -> Nanos {
        let Network { shortest, longest, slow_per_mille, slowest, .. } = self.network;
        if slow_per_mille > 0 && self.rng.u32(..1000) < slow_per_mille {
            return self.rng.u64(longest..=slowest.max(longest));
        }
        self.rng.u64(shortest..=longest)
    }

    /// Draws how long a client waits before it tries again.
    pub fn backoff(&mut self) -> Nanos {
        self.network.retry_backoff / 2 + self.rng.u64(..=self.network.retry_backoff)
    }

    /// Sends a request to a broker. `serve` is called when it arrives there, `then` when the answer is back, or is
    /// known not to come.
    pub fn request<T: 'static>(
        &mut self,
        broker: usize,
        serve: impl FnOnce(&mut World) -> T + 'static,
        then: impl FnOnce(&mut World, Result<T, Unanswered>) + 'static,
    ) {
        let way = self.way();
        self.after(way, move |world| {
            if !world.cluster.is_up(broker) {
                return then(world, Err(Unanswered::Away));
            }
            let life = world.cluster.life(broker);
            let answer = serve(world);
            let way = world.way();
            world.after(way, move |world| {
                let is_same = world.cluster.is_up(broker) && world.cluster.life(broker) == life;
                then(world, if is_same { Ok(answer) } else { Err(Unanswered::Lost) });
            });
        });
    }
}

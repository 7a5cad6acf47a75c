//! The contract of the clients: one set of tests, for the simulated cluster and for librdkafka on a real Kafka. What
//! the simulation takes for librdkafka's habits is so.
#![expect(clippy::unwrap_used, reason = "in a test a failed unwrap is a failed test, in its helpers too")]

mod consumer;
mod ground;
mod producer;

use std::sync::Arc;

use sluicebox::kafka::librdkafka::Librdkafka;
use sluicebox_simulation::client::Simulated;
use sluicebox_simulation::draw::draw;
use sluicebox_simulation::history;

use crate::ground::Ground;

type Contract = fn(&Ground);

const ALL: [(&str, Contract); 14] = [
    ("records_come_in_order_and_then_the_end", consumer::records_come_in_order_and_then_the_end),
    ("a_pause_and_a_seek_go_on_where_the_seek_says", consumer::a_pause_and_a_seek_go_on_where_the_seek_says),
    ("a_seek_throws_away_what_was_read_ahead", consumer::a_seek_throws_away_what_was_read_ahead),
    (
        "what_is_written_behind_an_end_is_read_after_a_pause",
        consumer::what_is_written_behind_an_end_is_read_after_a_pause,
    ),
    ("an_offset_out_of_range_stops_the_partition", consumer::an_offset_out_of_range_stops_the_partition),
    ("a_revoke_holds_all_fetches_until_it_is_answered", consumer::a_revoke_holds_all_fetches_until_it_is_answered),
    ("a_commit_is_answered_and_read_back", consumer::a_commit_is_answered_and_read_back),
    ("a_record_over_its_topic_s_limit_is_refused", producer::a_record_over_its_topic_s_limit_is_refused),
    ("what_is_purged_is_reported", producer::what_is_purged_is_reported),
    ("a_flush_ends_what_lingers", producer::a_flush_ends_what_lingers),
    ("an_aborted_transaction_is_invisible", producer::an_aborted_transaction_is_invisible),
    (
        "a_commit_that_is_not_over_in_time_goes_on_and_is_called_again",
        producer::a_commit_that_is_not_over_in_time_goes_on_and_is_called_again,
    ),
    ("offsets_of_a_transaction_are_committed_with_it", producer::offsets_of_a_transaction_are_committed_with_it),
    ("a_second_producer_of_a_name_fences_the_first", producer::a_second_producer_of_a_name_fences_the_first),
];

#[test]
fn the_simulated_cluster_keeps_the_contract() {
    let surroundings = draw(0, Some("clean")).unwrap().surroundings();
    for (name, contract) in ALL {
        for seed in 0..20 {
            let outcome = history::run(seed, &surroundings, move || {
                let (kafka, properties) = (Arc::new(Simulated), Default::default());
                contract(&Ground { kafka, properties, prefix: name.to_owned() });
            });
            assert_eq!(outcome.faults, Vec::<String>::new(), "{name}, seed {seed}");
        }
    }
}

#[test]
fn librdkafka_on_a_real_kafka_keeps_the_contract() {
    let servers = std::env::var("SLUICE_TEST_BROKERS").unwrap_or_else(|_| {
        panic!("no Kafka to test against: set SLUICE_TEST_BROKERS, or run `cargo xtask test`, which starts one")
    });
    let properties = [("bootstrap.servers".to_owned(), servers)];
    for (name, contract) in ALL {
        eprintln!("{name}");
        let prefix = format!("contract-{}-{name}", std::process::id());
        contract(&Ground { kafka: Arc::new(Librdkafka), properties: properties.clone().into(), prefix });
    }
}

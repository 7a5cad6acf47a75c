//! What the runtime takes for granted of a consumer.

use sluicebox::batch::Offset;
use sluicebox::kafka::{Committed, ConsumerEvent, StartPosition};

use crate::ground::{Came, Ground, PATIENCE, wait_for};

fn numbers(count: usize) -> Vec<String> {
    (0..count).map(|number| number.to_string()).collect()
}

fn write(ground: &Ground, topic: &str, count: usize) {
    let values = numbers(count);
    ground.write(topic, &values.iter().map(String::as_str).collect::<Vec<_>>());
}

pub fn records_come_in_order_and_then_the_end(ground: &Ground) {
    let topic = ground.topic("order", 1, None);
    write(ground, &topic, 3);
    let mut member = ground.member("order", &topic, StartPosition::Beginning);
    let came: Vec<Came> = (0..4).map(|_| member.next()).collect();
    let record = |offset: i64| Came::Record(offset, offset.to_string());
    assert_eq!(came, [record(0), record(1), record(2), Came::End(3)]);
    member.consumer.close(PATIENCE);
}

pub fn a_pause_and_a_seek_go_on_where_the_seek_says(ground: &Ground) {
    let topic = ground.topic("pause", 1, None);
    write(ground, &topic, 300);
    let mut member = ground.member("pause", &topic, StartPosition::Beginning);
    (0..10).for_each(|offset| assert_eq!(member.next_offset(), offset));
    member.consumer.pause(&[member.at()]).unwrap();
    assert!(member.read_on_from(10).is_empty());
    (10..300).for_each(|offset| assert_eq!(member.next_offset(), offset));
    member.consumer.close(PATIENCE);
}

pub fn a_seek_throws_away_what_was_read_ahead(ground: &Ground) {
    let topic = ground.topic("seek", 1, None);
    write(ground, &topic, 300);
    let mut member = ground.member("seek", &topic, StartPosition::Beginning);
    assert_eq!(member.next_offset(), 0);
    let to = [(member.at(), StartPosition::Offset(Offset(200)))];
    assert!(member.consumer.seek(&to, PATIENCE).unwrap().is_empty());
    assert_eq!(member.next_offset(), 200);
    member.consumer.close(PATIENCE);
}

pub fn what_is_written_behind_an_end_is_read_after_a_pause(ground: &Ground) {
    let topic = ground.topic("end", 1, None);
    write(ground, &topic, 2);
    let mut member = ground.member("end", &topic, StartPosition::Offset(Offset(2)));
    assert_eq!(member.next(), Came::End(2));
    member.consumer.pause(&[member.at()]).unwrap();
    write(ground, &topic, 1);
    assert!(member.read_on_from(2).is_empty());
    assert_eq!(member.next_offset(), 2);
    member.consumer.close(PATIENCE);
}

pub fn an_offset_out_of_range_stops_the_partition(ground: &Ground) {
    let topic = ground.topic("range", 1, None);
    write(ground, &topic, 3);
    let mut member = ground.member("range", &topic, StartPosition::Offset(Offset(100)));
    assert_eq!(member.next(), Came::OutOfRange);
    let to = [(member.at(), StartPosition::Offset(Offset(1)))];
    assert_eq!(member.consumer.seek(&to, PATIENCE).unwrap(), [member.at()]);
    member.consumer.unassign(&[member.at()]).unwrap();
    member.consumer.assign(&[(member.at(), StartPosition::Offset(Offset(1)), 0)]).unwrap();
    assert_eq!(member.next_offset(), 1);
    member.consumer.close(PATIENCE);
}

pub fn a_commit_is_answered_and_read_back(ground: &Ground) {
    let topic = ground.topic("commit", 1, None);
    write(ground, &topic, 3);
    let mut member = ground.member("commit", &topic, StartPosition::Beginning);
    let committed = Committed { offset: Offset(2), note: "note".to_owned() };
    // One that meets a rebalance is made again.
    let answer = wait_for("a commit", || {
        member.consumer.commit(&[(member.at(), committed.clone())]).unwrap();
        let answer = wait_for("an answer", || match member.consumer.next_event()? {
            ConsumerEvent::Committed(results) => Some(results),
            _ => None,
        });
        answer.iter().all(|(_, _, result)| result.is_ok()).then_some(answer)
    });
    assert_eq!(answer, [(member.at(), Offset(2), Ok(()))]);
    let queries = member.consumer.queries();
    assert_eq!(queries.committed(&[member.at()], PATIENCE).unwrap(), [(member.at(), Ok(Some(committed)))]);
    assert_eq!(queries.watermarks(&member.at(), PATIENCE).unwrap(), (Offset(0), Offset(3)));
    assert_eq!(queries.partition_count(&topic, PATIENCE).unwrap(), 1);
    member.consumer.close(PATIENCE);
}

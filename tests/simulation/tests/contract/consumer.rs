//! What the runtime takes for granted of a consumer.

use sluicebox::batch::Offset;
use sluicebox::kafka::{Committed, ConsumerEvent, StartPosition, TopicPartition};

use crate::ground::{Came, Ground, PATIENCE, send_with_key, wait_for};

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
    let at = member.at();
    assert!(member.read_on_from(&at, 10).is_empty());
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
    let at = member.at();
    member.consumer.pause(std::slice::from_ref(&at)).unwrap();
    write(ground, &topic, 1);
    assert!(member.read_on_from(&at, 2).is_empty());
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

pub fn a_revoke_holds_all_fetches_until_it_is_answered(ground: &Ground) {
    let topic = ground.topic("revoke", 2, None);
    let mut first = ground.member("revoke", &topic, StartPosition::Beginning);
    assert_eq!((first.next(), first.next()), (Came::End(0), Came::End(0)));
    let mut second = ground.joining_member("revoke", &topic);
    let revoked = wait_for("a revoke", || {
        let _ = second.consumer.next_event();
        match first.consumer.next_event()? {
            ConsumerEvent::Revoked { partitions, .. } => Some(partitions),
            _ => None,
        }
    });
    assert_eq!(revoked.len(), 1);
    // Some of these come into either partition.
    let producer = ground.producer(&topic, &[]);
    let receipts: Vec<_> = numbers(20).iter().map(|key| send_with_key(&*producer, key.as_bytes(), b"value")).collect();
    assert!(producer.flush(PATIENCE));
    receipts.iter().for_each(|receipt| receipt.wait().unwrap());
    // While another group reads them all, twice, nothing of them comes here.
    for group in ["revoke-other", "revoke-another"] {
        let mut other = ground.member(group, &topic, StartPosition::Beginning);
        (0..20).for_each(|_| _ = other.next_offset());
        other.consumer.close(PATIENCE);
        assert_eq!(first.poll(), None, "what stays is not fetched either");
    }
    first.consumer.unassign(&revoked).unwrap();
    let kept = (0..2).map(|number| TopicPartition::new(&topic, number)).find(|at| !revoked.contains(at)).unwrap();
    assert!(first.read_on_from(&kept, 0).is_empty());
    // What stays is fetched again. The assignment that follows holds it once more, and what was fetched in between is
    // gone.
    let came = wait_for("a record of what stays", || {
        if first.answer() {
            assert!(first.read_on_from(&kept, 0).is_empty());
        }
        second.answer();
        first.poll().filter(|came| !matches!(came, Came::End(_)))
    });
    assert_eq!(came, Came::Record(0, "value".to_owned()));
    [first, second].into_iter().for_each(|member| _ = member.consumer.close(PATIENCE));
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

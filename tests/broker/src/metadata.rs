//! The one Kafka request needed to know that a broker is ready: Metadata.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::{Context, Result, ensure};

/// For connecting, and for each read and write: a paused broker must not stop the caller's clock.
const LIMIT: Duration = Duration::from_secs(2);

const METADATA: i16 = 3;
const VERSION: i16 = 1;

/// The answer lists brokers first; what follows them is not read. More than this is not an answer of Kafka.
const MAX_ANSWER: usize = 1 << 20;

/// The ids of the brokers that the broker at `address` knows to be alive.
pub(crate) fn live_brokers(address: SocketAddr) -> Result<Vec<i32>> {
    let mut connection = TcpStream::connect_timeout(&address, LIMIT)?;
    connection.set_read_timeout(Some(LIMIT))?;
    connection.set_write_timeout(Some(LIMIT))?;
    connection.write_all(&request())?;

    let mut size = [0; 4];
    connection.read_exact(&mut size)?;
    let size = usize::try_from(i32::from_be_bytes(size)).context("negative size")?;
    ensure!(size <= MAX_ANSWER, "an answer of {size} bytes is not Kafka's");
    let mut answer = vec![0; size];
    connection.read_exact(&mut answer)?;
    brokers(&answer).context("the Metadata answer is cut short")
}

/// Metadata version 1 for no topics, with its size in front.
fn request() -> Vec<u8> {
    let mut body = Vec::new();
    body.extend(METADATA.to_be_bytes());
    body.extend(VERSION.to_be_bytes());
    body.extend(0_i32.to_be_bytes()); // correlation id
    body.extend((-1_i16).to_be_bytes()); // client id: null
    body.extend(0_i32.to_be_bytes()); // topics: none
    let mut request = i32::try_from(body.len()).unwrap_or(i32::MAX).to_be_bytes().to_vec();
    request.extend(body);
    request
}

/// The broker ids of an answer: correlation id, then an array of id, host, port and rack.
fn brokers(answer: &[u8]) -> Option<Vec<i32>> {
    let mut rest = answer.get(4..)?;
    let count = take_i32(&mut rest)?;
    let mut ids = Vec::new();
    for _ in 0..count {
        ids.push(take_i32(&mut rest)?);
        skip_string(&mut rest)?;
        take_i32(&mut rest)?;
        skip_string(&mut rest)?;
    }
    Some(ids)
}

fn take_i32(rest: &mut &[u8]) -> Option<i32> {
    let (value, after) = rest.split_first_chunk()?;
    *rest = after;
    Some(i32::from_be_bytes(*value))
}

/// A string with its length in front; a length of -1 is null.
fn skip_string(rest: &mut &[u8]) -> Option<()> {
    let (length, after) = rest.split_first_chunk()?;
    let length = usize::try_from(i16::from_be_bytes(*length)).unwrap_or(0);
    *rest = after.get(length..)?;
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn broker_ids_are_read_from_an_answer_and_a_cut_answer_is_refused() {
        let mut answer = vec![0, 0, 0, 0, 0, 0, 0, 2];
        answer.extend([0, 0, 0, 1, 0, 1, b'h', 0, 0, 0x23, 0x84, 0xff, 0xff]); // rack null
        answer.extend([0, 0, 0, 3, 0, 1, b'h', 0, 0, 0x23, 0x85, 0, 1, b'r']);
        assert_eq!(brokers(&answer), Some(vec![1, 3]));
        for cut in 0..answer.len() {
            assert_eq!(brokers(&answer[..cut]), None, "cut at {cut}");
        }
    }
}

//! Runs a query on values from standard input, one a line.
use json_sql::{Input, Memory, Nulls, Query};
use std::io::BufRead;

fn main() {
    let text = std::env::args().nth(1).unwrap_or_default();
    let query = match Query::compile(&text, Nulls::Keep) {
        Ok(query) => query,
        Err(error) => {
            println!("{error}");
            return;
        }
    };
    let mut memory = Memory::default();
    for line in std::io::stdin().lock().lines().map_while(Result::ok) {
        let input = Input {
            value: Some(line.as_bytes()),
            key: Some(b"k"),
            timestamp: Some(1_767_225_600_123),
            topic: "t",
            ..Input::default()
        };
        match query.run(&input, &mut memory) {
            Err(error) => println!("reject: {error}"),
            Ok(()) => {
                println!("{} rows", memory.rows().len());
                for row in memory.rows() {
                    println!("  {:?} {:?}", row, memory.value(row).map(String::from_utf8_lossy));
                }
            }
        }
    }
}

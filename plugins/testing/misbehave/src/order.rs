//! What a record tells the plugin to do, and the doing of it.

use sluicebox_plugin::{Error, Record};

/// What a record tells the plugin to do.
pub(crate) enum Order<'a> {
    Keep,
    Drop,
    Emit(u64),
    Reject(&'a str),
    Retry(Times),
    BatchRetry(Times),
    Fatal,
    Trap,
    Panic,
    Loop,
    Spin(u64),
    Exhaust,
    Allocate(usize),
    Output(&'a str),
    Log(&'a str),
    Count(&'a str),
    Echo(&'a str),
    Null,
}

/// How often.
#[derive(Clone, Copy)]
pub(crate) enum Times {
    Always,
    First(u64),
}

impl<'a> Order<'a> {
    /// Reads the order at the start of a value.
    pub fn read(value: &'a [u8]) -> Result<Order<'a>, Error> {
        if !value.starts_with(b"!") {
            return Ok(Order::Keep);
        }
        let order = std::str::from_utf8(value)?.split_whitespace().next().unwrap_or_default();
        let (order, argument) = order.split_once(':').map_or((order, None), |(order, with)| (order, Some(with)));
        let times = || argument.map_or(Ok(Times::Always), |times| times.parse().map(Times::First));
        let wanted = || argument.ok_or_else(|| format!("`{order}` needs an argument, as in `{order}:X`"));
        Ok(match order {
            "!drop" => Order::Drop,
            "!emit" => Order::Emit(wanted()?.parse()?),
            "!reject" => Order::Reject(argument.unwrap_or("it was told to reject")),
            "!retry" => Order::Retry(times()?),
            "!batch-retry" => Order::BatchRetry(times()?),
            "!fatal" => Order::Fatal,
            "!trap" => Order::Trap,
            "!panic" => Order::Panic,
            "!loop" => Order::Loop,
            "!spin" => Order::Spin(wanted()?.parse()?),
            "!memory" => match argument {
                None => Order::Exhaust,
                Some(mebibytes) => Order::Allocate(mebibytes.parse()?),
            },
            "!output" => Order::Output(argument.unwrap_or("no-such-output")),
            "!log" => Order::Log(wanted()?),
            "!count" => Order::Count(wanted()?),
            "!echo" => Order::Echo(wanted()?),
            "!null" => Order::Null,
            other => return Err(format!("misbehave knows no order `{other}`").into()),
        })
    }
}

/// Executes an instruction that traps, without a panic and its message.
pub(crate) fn trap() -> ! {
    #[cfg(target_arch = "wasm32")]
    core::arch::wasm32::unreachable();
    #[cfg(not(target_arch = "wasm32"))]
    std::process::abort();
}

/// Loops until the host's deadline.
pub(crate) fn never_come_back() -> ! {
    loop {
        spin(u64::MAX);
    }
}

/// Turns that the compiler cannot see through.
pub(crate) fn spin(turns: u64) {
    for turn in 0..turns {
        std::hint::black_box(turn);
    }
}

/// Allocates and touches memory, and gives it back.
pub(crate) fn allocate(mebibytes: usize) {
    std::hint::black_box(vec![1u8; mebibytes << 20]);
}

/// Allocates memory until there is none.
pub(crate) fn exhaust_memory() -> ! {
    let mut held = Vec::new();
    loop {
        held.push(std::hint::black_box(vec![1u8; 1 << 20]));
    }
}

/// One field of a record as text.
pub(crate) fn field_as_text(record: &Record<'_>, field: &str) -> Result<String, Error> {
    let lossy = |bytes: Option<&[u8]>| bytes.map_or("null".into(), |bytes| String::from_utf8_lossy(bytes).into_owned());
    Ok(match field {
        "key" => lossy(record.key()),
        "headers" => record.headers().map(|(name, value)| format!("{name}={};", lossy(value))).collect(),
        "timestamp" => record.timestamp().map_or("none".into(), |timestamp| timestamp.to_string()),
        "source" => record
            .source()
            .map_or("none".into(), |source| format!("{}/{}/{}", source.topic, source.partition, source.offset)),
        other => return Err(format!("a record has no field `{other}`").into()),
    })
}

//! What becomes of an order: read into structs that borrow from the record, written into memory that is used again.

use std::borrow::Cow;

use serde::{Deserialize, Serialize, Serializer};

/// The fields of an order that go on; `internal_note` does not, and is passed over.
#[derive(Deserialize)]
struct Order<'a> {
    #[serde(borrow)]
    order_id: Cow<'a, str>,
    #[serde(borrow)]
    status: Cow<'a, str>,
    quantity: i64,
    price_cents: i64,
    #[serde(borrow)]
    customer: Customer<'a>,
}

#[derive(Deserialize)]
struct Customer<'a> {
    #[serde(borrow)]
    name: Cow<'a, str>,
    #[serde(borrow)]
    email: Cow<'a, str>,
}

#[derive(Serialize)]
struct Enriched<'a> {
    order_id: &'a str,
    status: &'a str,
    quantity: i64,
    price_cents: i64,
    customer: MaskedCustomer<'a>,
    total_cents: i64,
}

#[derive(Serialize)]
struct MaskedCustomer<'a> {
    name: &'a str,
    #[serde(serialize_with = "mask")]
    email: &'a str,
}

/// Appends the new value to `out`; false where the order does not matter.
///
/// # Errors
/// The value is no order.
pub fn enrich(value: &[u8], out: &mut Vec<u8>) -> serde_json::Result<bool> {
    let order: Order<'_> = serde_json::from_slice(value)?;
    if !matches!(&*order.status, "shipped" | "delivered" | "cancelled") {
        return Ok(false);
    }
    let enriched = Enriched {
        order_id: &order.order_id,
        status: &order.status,
        quantity: order.quantity,
        price_cents: order.price_cents,
        customer: MaskedCustomer { name: &order.customer.name, email: &order.customer.email },
        total_cents: order.quantity * order.price_cents,
    };
    serde_json::to_writer(out, &enriched).map(|()| true)
}

/// The address with its first letter and its domain alone, as `mask-json` leaves it.
fn mask<S: Serializer>(email: &&str, serializer: S) -> Result<S::Ok, S::Error> {
    let Some((local, domain)) = email.rsplit_once('@') else { return serializer.serialize_str("***") };
    let mut letters = local.chars();
    match (letters.next(), letters.next()) {
        (Some(first), Some(_)) => serializer.collect_str(&format_args!("{first}***@{domain}")),
        _ => serializer.collect_str(&format_args!("***@{domain}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contest::job::{Fate, Job};
    use crate::orders;

    #[test]
    fn every_event_becomes_what_the_job_asks_for() {
        for number in 0..5000 {
            let (event, mut value) = (orders::event(number), Vec::new());
            let fate = match enrich(event.as_bytes(), &mut value) {
                Ok(true) => Fate::Output(value),
                Ok(false) => Fate::Dropped,
                Err(_) => Fate::DeadLetter,
            };
            assert_eq!(fate, Job::OrderStatus.fate(number).unwrap(), "{event}");
        }
    }
}

//! What the shipped plugins do to an order-status record, written by hand: parse into a `serde_json::Value`, look or
//! change, and write what has changed.

use serde_json::Value;

/// What becomes of a record.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// It goes on as it came.
    Keep,
    /// It ends.
    Drop,
    /// It goes on with another value.
    Value(Vec<u8>),
    /// It goes to the output with this number, as it came.
    Output(u32),
}

/// One plugin's work.
pub type Job = fn(&[u8]) -> serde_json::Result<Outcome>;

/// `filter-json`, with `field: status, one_of: [shipped, delivered, cancelled]`.
pub fn filter(value: &[u8]) -> serde_json::Result<Outcome> {
    let order: Value = serde_json::from_slice(value)?;
    let keeps = order["status"].as_str().is_some_and(|status| ["shipped", "delivered", "cancelled"].contains(&status));
    Ok(if keeps { Outcome::Keep } else { Outcome::Drop })
}

/// `mask-json`, with `fields: [customer.email], style: email`.
pub fn mask(value: &[u8]) -> serde_json::Result<Outcome> {
    let mut order: Value = serde_json::from_slice(value)?;
    let Some(Value::String(email)) = order.pointer_mut("/customer/email") else { return Ok(Outcome::Keep) };
    let masked = email.rsplit_once('@').and_then(|(local, domain)| {
        let mut letters = local.chars();
        let (first, _) = letters.next().zip(letters.next())?;
        Some(format!("{first}***@{domain}"))
    });
    *email = masked.unwrap_or_else(|| "***".to_owned());
    serde_json::to_vec(&order).map(Outcome::Value)
}

/// `jq`, with `.total_cents = .quantity * .price_cents | del(.internal_note)`.
pub fn total(value: &[u8]) -> serde_json::Result<Outcome> {
    let mut order: Value = serde_json::from_slice(value)?;
    let number = |name: &str| order[name].as_u64().unwrap_or_default();
    let total = number("quantity") * number("price_cents");
    if let Some(order) = order.as_object_mut() {
        order.insert("total_cents".to_owned(), total.into());
        order.shift_remove("internal_note");
    }
    serde_json::to_vec(&order).map(Outcome::Value)
}

/// The three before as one: what `order-enrich` does, with the same statuses.
pub fn enrich(value: &[u8]) -> serde_json::Result<Outcome> {
    let mut order: Value = serde_json::from_slice(value)?;
    if !order["status"].as_str().is_some_and(|status| ["shipped", "delivered", "cancelled"].contains(&status)) {
        return Ok(Outcome::Drop);
    }
    let number = |name: &str| order[name].as_u64().unwrap_or_default();
    let total = number("quantity") * number("price_cents");
    if let Some(Value::String(email)) = order.pointer_mut("/customer/email") {
        let first = email.chars().next().filter(|first| *first != '@');
        let masked = first.zip(email.rsplit_once('@')).map(|(first, (_, domain))| format!("{first}***@{domain}"));
        *email = masked.unwrap_or_else(|| "***".to_owned());
    }
    if let Some(order) = order.as_object_mut() {
        order.insert("total_cents".to_owned(), total.into());
        order.shift_remove("internal_note");
    }
    serde_json::to_vec(&order).map(Outcome::Value)
}

/// `route`, with `field: status` and a route for each of three statuses, the outputs 1, 2 and 3.
pub fn route(value: &[u8]) -> serde_json::Result<Outcome> {
    let order: Value = serde_json::from_slice(value)?;
    Ok(match order["status"].as_str() {
        Some("shipped") => Outcome::Output(1),
        Some("delivered") => Outcome::Output(2),
        Some("cancelled") => Outcome::Output(3),
        _ => Outcome::Keep,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const ORDER: &[u8] =
        br#"{"status":"paid","quantity":3,"price_cents":5,"customer":{"email":"ann@x.org"},"internal_note":"n"}"#;

    #[test]
    fn each_job_does_what_its_plugin_is_configured_to_do() {
        assert_eq!(filter(ORDER).unwrap(), Outcome::Drop);
        assert_eq!(filter(br#"{"status":"shipped"}"#).unwrap(), Outcome::Keep);
        assert_eq!(route(br#"{"status":"cancelled"}"#).unwrap(), Outcome::Output(3));
        assert_eq!(route(ORDER).unwrap(), Outcome::Keep);
        let Outcome::Value(masked) = mask(ORDER).unwrap() else { panic!("it has an address") };
        assert!(String::from_utf8(masked).unwrap().contains("\"a***@x.org\""));
        assert_eq!(enrich(ORDER).unwrap(), Outcome::Drop);
        let shipped = String::from_utf8(ORDER.to_vec()).unwrap().replace("paid", "shipped");
        let Outcome::Value(enriched) = enrich(shipped.as_bytes()).unwrap() else { panic!("it matters") };
        let expected =
            r#"{"status":"shipped","quantity":3,"price_cents":5,"customer":{"email":"a***@x.org"},"total_cents":15}"#;
        assert_eq!(String::from_utf8(enriched).unwrap(), expected);
        let Outcome::Value(total) = total(ORDER).unwrap() else { panic!("it is an object") };
        assert!(String::from_utf8(total).unwrap().ends_with("},\"total_cents\":15}"));
    }
}

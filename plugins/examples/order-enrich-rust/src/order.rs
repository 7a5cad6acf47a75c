//! An order: read in one pass, which writes what stays as it is; the rest is written once the order is found to matter.

use std::borrow::Cow;

use json_scan::Value;

use crate::json::{each_field, push_field, push_key, push_text_field};
use crate::{email, number};

/// Why an order is refused.
type Refusal = &'static str;

const NO_OBJECT: Refusal = "the value is not a JSON object";

/// The fields of an order that this plugin looks at, as they are written.
#[derive(Debug, Default)]
pub struct Order<'a> {
    status: Option<Value<'a>>,
    quantity: Option<Value<'a>>,
    price_cents: Option<Value<'a>>,
    customer: Option<Value<'a>>,
}

/// Reads an order and begins the object `out` with all other fields, but for those that are to go.
pub fn read<'a>(value: &'a [u8], out: &mut Vec<u8>) -> Result<Order<'a>, Refusal> {
    let mut order = Order::default();
    out.push(b'{');
    each_field(value, |key, value| match &*key {
        "status" => order.status = Some(value),
        "quantity" => order.quantity = Some(value),
        "price_cents" => order.price_cents = Some(value),
        "customer" => order.customer = Some(value),
        "total_cents" | "internal_note" => {}
        _ => push_field(out, &key, value.raw()),
    })
    .ok_or(NO_OBJECT)?;
    Ok(order)
}

impl<'a> Order<'a> {
    /// What the status says.
    pub fn status(&self) -> Result<Cow<'a, str>, Refusal> {
        self.status.and_then(|status| status.string()).ok_or("status is not a string")
    }

    /// Appends the fields that are still missing, and ends the object.
    pub fn finish(&self, out: &mut Vec<u8>) -> Result<(), Refusal> {
        let quantity = self.quantity.and_then(number::whole).ok_or("quantity is not a whole number")?;
        let price = self.price_cents.and_then(number::whole).ok_or("price_cents is not a whole number")?;
        let total = number::product(quantity, price).ok_or("total_cents is too large")?;
        let fields = [("status", self.status), ("quantity", self.quantity), ("price_cents", self.price_cents)];
        for (key, value) in fields {
            if let Some(value) = value {
                push_field(out, key, value.raw());
            }
        }
        if let Some(customer) = self.customer {
            push_key(out, "customer");
            push_customer(out, customer)?;
        }
        push_field(out, "total_cents", &total.to_string());
        out.push(b'}');
        Ok(())
    }
}

/// Appends a customer, whose e-mail is masked where there is one.
fn push_customer(out: &mut Vec<u8>, customer: Value<'_>) -> Result<(), Refusal> {
    if !customer.raw().starts_with('{') {
        out.extend_from_slice(customer.raw().as_bytes());
        return Ok(());
    }
    out.push(b'{');
    each_field(customer.raw().as_bytes(), |key, value| {
        match (&*key, value.string()) {
            ("email", Some(email)) => push_text_field(out, &key, &email::mask(&email)),
            _ => push_field(out, &key, value.raw()),
        };
    })
    .ok_or(NO_OBJECT)?;
    out.push(b'}');
    Ok(())
}

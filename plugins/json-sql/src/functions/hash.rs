//! Digests.

use md5::Md5;
use sha2::{Digest, Sha224, Sha256, Sha384, Sha512};

use super::{Function, Scope, strict};
use crate::Failure;
use crate::failure::Answer;
use crate::value::{Kind, Value};

const BYTES: Option<Kind> = Some(Kind::Bytes);

pub(super) const FUNCTIONS: &[Function] = &[
    strict("md5", (1, 1), Some(Kind::Text), |scope, args| {
        let digest = Md5::digest(input(&args[0])?);
        scope.arena.text(&super::encoding::to_hex(&digest))
    }),
    strict("sha224", (1, 1), BYTES, digest::<Sha224>),
    strict("sha256", (1, 1), BYTES, digest::<Sha256>),
    strict("sha384", (1, 1), BYTES, digest::<Sha384>),
    strict("sha512", (1, 1), BYTES, digest::<Sha512>),
];

/// Of a text its UTF-8.
fn input<'a>(value: &Value<'a>) -> Result<&'a [u8], Failure> {
    match value {
        Value::Bytes(bytes) => Ok(bytes),
        other => other.text().map(str::as_bytes),
    }
}

fn digest<'a, D: Digest>(scope: &Scope<'a>, args: &[Value<'a>]) -> Answer<'a> {
    scope.arena.bytes(&D::digest(input(&args[0])?)).map(Value::Bytes)
}

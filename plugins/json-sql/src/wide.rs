//! Arithmetic on more than 128 bits, for quotients of decimals.

/// `one * 10^shift / divisor` and what is left; none where the quotient has no place in 128 bits.
pub(crate) fn scaled_div(one: u128, shift: u32, divisor: u128) -> Option<(u128, u128)> {
    let (mut quotient, mut rest) = (one / divisor, one % divisor);
    let mut left = shift;
    while left > 0 {
        let step = left.min(19);
        let factor = 10u128.pow(step);
        let (more, next) = mul_div(rest, factor, divisor);
        quotient = quotient.checked_mul(factor)?.checked_add(more)?;
        rest = next;
        left -= step;
    }
    Some((quotient, rest))
}

/// `one * factor / divisor` and what is left, where `one` is less than the divisor: so the quotient is less than the
/// factor.
fn mul_div(one: u128, factor: u128, divisor: u128) -> (u128, u128) {
    if let Some(product) = one.checked_mul(factor) {
        return (product / divisor, product % divisor);
    }
    // Bit by bit, the highest of the factor first.
    let (mut quotient, mut rest) = (0u128, 0u128);
    for bit in (0..128 - factor.leading_zeros()).rev() {
        quotient <<= 1;
        let carry = rest >= divisor - rest;
        rest = if carry { rest - (divisor - rest) } else { rest + rest };
        quotient += u128::from(carry);
        if factor >> bit & 1 == 1 {
            let carry = rest >= divisor - one;
            rest = if carry { rest - (divisor - one) } else { rest + one };
            quotient += u128::from(carry);
        }
    }
    (quotient, rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_division_agrees_with_what_can_be_checked() {
        let divisor = 10u128.pow(38) - 1;
        assert_eq!(scaled_div(1, 38, divisor), Some((1, 1)));
        assert_eq!(mul_div(7, 3, 5), (4, 1));
        // (d - 1) * 10^19 = (10^19 - 1) * d + (d - 10^19)
        let factor = 10u128.pow(19);
        assert_eq!(mul_div(divisor - 1, factor, divisor), (factor - 1, divisor - factor));
        assert_eq!(scaled_div(u128::MAX, 1, 1), None);
    }
}

//! Hiding an e-mail address.

/// The address with its first character and its domain alone; nothing of what is no address.
pub fn mask(email: &str) -> String {
    match (email.chars().next(), email.rsplit_once('@')) {
        (Some(first), Some((_, domain))) if first != '@' => format!("{first}***@{domain}"),
        _ => "***".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_character_and_the_domain_are_left() {
        assert_eq!(mask("ann@example.org"), "a***@example.org");
        assert_eq!(mask("é@example.org"), "é***@example.org");
        assert_eq!(mask("a@b@c"), "a***@c");
        assert_eq!(mask("a@"), "a***@");
    }

    #[test]
    fn nothing_is_left_of_what_is_no_address() {
        for email in ["", "ann", "@", "@example.org", "@a@b"] {
            assert_eq!(mask(email), "***", "{email}");
        }
    }
}

//! What may have been meant by a call of what is not there.

use std::collections::BTreeSet;

use super::builtins;

/// What other languages call the functions that jq has.
const ELSEWHERE: [(&str, &str); 30] = [
    ("avg", "add / length"),
    ("coalesce", "a // b"),
    ("concat", "add"),
    ("count", "length"),
    ("distinct", "unique"),
    ("downcase", "ascii_downcase"),
    ("entries", "to_entries"),
    ("filter", "select"),
    ("fromtimestamp", "todate"),
    ("include", "contains"),
    ("includes", "contains"),
    ("int", "tonumber"),
    ("len", "length"),
    ("lower", "ascii_downcase"),
    ("lowercase", "ascii_downcase"),
    ("number", "tonumber"),
    ("replace", "gsub"),
    ("size", "length"),
    ("str", "tostring"),
    ("string", "tostring"),
    ("substr", ".[0:3]"),
    ("substring", ".[0:3]"),
    ("sum", "add"),
    ("to_lower", "ascii_downcase"),
    ("to_upper", "ascii_upcase"),
    ("uniq", "unique"),
    ("upcase", "ascii_upcase"),
    ("upper", "ascii_upcase"),
    ("uppercase", "ascii_upcase"),
    ("where", "select"),
];

/// A line about what may have been meant: another number of arguments, what jq calls the same, or a name that is near,
/// among those of jq and those that the program has at this place.
pub(super) fn suggestion<'n>(name: &str, own: impl Iterator<Item = (&'n str, usize)>) -> Option<String> {
    if builtins::is_kept_out(name) {
        return None;
    }
    let mut known: Vec<(&str, usize)> = builtins::all().collect();
    known.extend(own);
    let arities: BTreeSet<usize> = known.iter().filter(|(known, _)| *known == name).map(|(_, arity)| *arity).collect();
    if let Some(last) = arities.last() {
        let counts: Vec<String> = arities.iter().map(usize::to_string).collect();
        let arguments = if *last == 1 { "argument" } else { "arguments" };
        let separator = if *last > 1 { ", separated by `;`" } else { "" };
        return Some(format!("`{name}` takes {} {arguments}{separator}", counts.join(" or ")));
    }
    let lower = name.to_lowercase();
    if let Some((_, meant)) = ELSEWHERE.iter().find(|(elsewhere, _)| *elsewhere == lower) {
        return Some(format!("did you mean `{meant}`?"));
    }
    let allowed = (name.chars().count() / 3).max(1);
    let near = known.iter().map(|(known, _)| (distance(&lower, &known.to_lowercase()), *known));
    near.filter(|(distance, _)| *distance <= allowed).min().map(|(_, known)| format!("did you mean `{known}`?"))
}

/// How many letters have to be changed, added, left out or exchanged with the next to make one name of another.
fn distance(one: &str, other: &str) -> usize {
    let (one, other): (Vec<char>, Vec<char>) = (one.chars().collect(), other.chars().collect());
    let mut rows: Vec<Vec<usize>> = vec![(0..=other.len()).collect()];
    for (i, a) in one.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, b) in other.iter().enumerate() {
            let changed = rows[i][j] + usize::from(a != b);
            let mut best = changed.min(rows[i][j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && *a == other[j - 1] && one[i - 1] == *b {
                best = best.min(rows[i - 1][j - 1] + 1);
            }
            row.push(best);
        }
        rows.push(row);
    }
    rows[one.len()][other.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn suggested(name: &str) -> Option<String> {
        suggestion(name, [("total_price", 0)].into_iter())
    }

    #[test]
    fn what_jq_calls_the_same_a_near_name_and_the_number_of_arguments_are_told() {
        assert_eq!(suggested("sum").as_deref(), Some("did you mean `add`?"));
        assert_eq!(suggested("toLower"), suggested("tolower"));
        assert_eq!(suggested("ascii_downcsae").as_deref(), Some("did you mean `ascii_downcase`?"));
        assert_eq!(suggested("total_prize").as_deref(), Some("did you mean `total_price`?"));
        assert_eq!(suggested("map").as_deref(), Some("`map` takes 1 argument"));
        assert_eq!(suggested("sub").as_deref(), Some("`sub` takes 2 or 3 arguments, separated by `;`"));
        assert_eq!(suggested("quarterly"), None);
        assert_eq!(suggested("now"), None, "it is known, and kept out");
    }

    #[test]
    fn what_is_suggested_is_there() {
        for (elsewhere, meant) in ELSEWHERE {
            assert!(!builtins::all().any(|(name, _)| name == elsewhere), "{elsewhere} is a function of jq");
            let is_name = meant.chars().all(|c| c.is_alphanumeric() || c == '_');
            assert!(!is_name || builtins::all().any(|(name, _)| name == meant), "{meant} is none");
        }
    }
}

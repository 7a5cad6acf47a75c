//! All values at any of several paths.

use crate::scanner::Scanner;
use crate::{Invalid, Path, Value};

/// Several paths, merged where they begin alike.
#[derive(Clone, Debug)]
pub struct Paths {
    root: Node,
}

#[derive(Clone, Debug, Default)]
struct Node {
    /// Whether a path ends here.
    ends: bool,
    children: Vec<(String, Node)>,
}

impl Paths {
    /// Merges paths. Of two of which one goes on where the other ends, both count.
    pub fn new(paths: impl IntoIterator<Item = Path>) -> Paths {
        let mut root = Node::default();
        for path in paths {
            let mut node = &mut root;
            for key in path.keys() {
                let at = node.children.iter().position(|(other, _)| other == key).unwrap_or_else(|| {
                    node.children.push((key.clone(), Node::default()));
                    node.children.len() - 1
                });
                node = &mut node.children[at].1;
            }
            node.ends = true;
        }
        Paths { root }
    }
}

/// Visits all values at the paths, in the order of the text; what is visited never overlaps. A path goes
/// through arrays, to all their elements, and where it ends at an array the elements are visited and not the
/// array. A key that occurs twice is visited twice. On an error, values may already have been visited.
pub fn each<'a>(json: &'a [u8], paths: &Paths, mut visit: impl FnMut(Value<'a>)) -> Result<(), Invalid> {
    let mut scanner = Scanner::new(json)?;
    each_below(&mut scanner, &paths.root, &mut visit)?;
    scanner.end()
}

fn each_below<'a>(scanner: &mut Scanner<'a>, node: &Node, visit: &mut impl FnMut(Value<'a>)) -> Result<(), Invalid> {
    match scanner.peek() {
        Some(b'[') => {
            let mut more = scanner.open(b']')?;
            while more {
                each_below(scanner, node, visit)?;
                more = scanner.more(b']')?;
            }
            Ok(())
        }
        Some(_) if node.ends => {
            visit(scanner.value()?);
            Ok(())
        }
        Some(b'{') => {
            let mut more = scanner.open(b'}')?;
            while more {
                let key = scanner.key()?;
                match node.children.iter().find(|(wanted, _)| key.is(wanted)) {
                    Some((_, child)) => each_below(scanner, child, visit)?,
                    None => scanner.skip()?,
                }
                more = scanner.more(b'}')?;
            }
            Ok(())
        }
        _ => scanner.skip(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn visited<'a>(json: &'a str, paths: &[&str]) -> Vec<&'a str> {
        let paths = Paths::new(paths.iter().map(|path| Path::parse(path).expect("the path is right")));
        let mut visited = Vec::new();
        each(json.as_bytes(), &paths, |value| {
            assert_eq!(&json[value.span()], value.raw(), "a span is where the value lies");
            visited.push(value.raw());
        })
        .expect("the text is JSON");
        visited
    }

    #[test]
    fn every_path_is_visited_in_the_order_of_the_text() {
        let json = r#"{"b": 1, "a": {"y": 2, "x": 3}, "c": 4}"#;
        assert_eq!(visited(json, &["a.x", "a.y", "b"]), ["1", "2", "3"]);
    }

    #[test]
    fn a_path_goes_through_arrays_to_all_their_elements() {
        let json = r#"[{"a": [{"b": 1}, [{"b": 2}], 3]}, {"a": {"b": [4, [5], {"c": 6}]}}]"#;
        assert_eq!(visited(json, &["a.b"]), ["1", "2", "4", "5", r#"{"c": 6}"#]);
    }

    #[test]
    fn a_key_that_occurs_twice_is_visited_twice() {
        assert_eq!(visited(r#"{"a": 1, "a": {"a": 2}}"#, &["a"]), ["1", r#"{"a": 2}"#]);
    }

    #[test]
    fn what_is_visited_never_overlaps() {
        let json = r#"{"a": {"b": 1}, "c": 0}"#;
        assert_eq!(visited(json, &["a", "a.b"]), [r#"{"b": 1}"#]);
        assert_eq!(visited(json, &["a.b", "a"]), [r#"{"b": 1}"#]);
    }

    #[test]
    fn hostile_nesting_is_refused() {
        let paths = Paths::new([Path::parse("a").expect("the path is right")]);
        let error = each("[".repeat(100_000).as_bytes(), &paths, |_| ()).expect_err("this is too deep");
        assert_eq!(error.at(), 128);
    }
}

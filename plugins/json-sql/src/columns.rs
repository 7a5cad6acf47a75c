//! The fields that a query names, found in one pass over a record.

use json_scan::{Invalid, Scanner};

/// The paths of a query, merged where they begin alike. The one that is empty is the whole value.
#[derive(Debug)]
pub(crate) struct Columns {
    nodes: Vec<Node>,
    count: usize,
}

#[derive(Debug, Default)]
struct Node {
    /// The column that ends here.
    column: Option<usize>,
    children: Vec<(String, usize)>,
}

/// A field of the outermost object: where its key and its value lie in the text, the key with its quotes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Field {
    pub key: (u32, u32),
    pub value: (u32, u32),
}

/// What the columns of a record hold, as it is written; nothing where a field is missing.
pub(crate) type Cells<'a> = [Option<&'a str>];

impl Default for Columns {
    fn default() -> Self {
        Columns { nodes: vec![Node::default()], count: 0 }
    }
}

impl Columns {
    /// The number of the column at a path.
    pub fn add(&mut self, path: &[String]) -> usize {
        let mut node = 0;
        for key in path {
            let found = self.nodes[node].children.iter().find(|(other, _)| other == key).map(|(_, child)| *child);
            node = found.unwrap_or_else(|| {
                let child = self.nodes.len();
                self.nodes.push(Node::default());
                self.nodes[node].children.push((key.clone(), child));
                child
            });
        }
        *self.nodes[node].column.get_or_insert_with(|| {
            self.count += 1;
            self.count - 1
        })
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.count
    }

    /// Whether a field of the outermost object is asked for.
    pub fn has_fields(&self) -> bool {
        !self.nodes[0].children.is_empty()
    }

    /// Fills the cells, and `fields` with all fields of the outermost object where they are asked for. Whether the
    /// value is an object.
    pub fn read<'a>(
        &self,
        json: &'a [u8],
        cells: &mut Cells<'a>,
        mut fields: Option<&mut Vec<Field>>,
    ) -> Result<bool, Invalid> {
        let mut scanner = Scanner::new(json)?;
        if let Some(column) = self.nodes[0].column {
            let value = scanner.value()?;
            cells[column] = Some(value.raw());
            scanner.end()?;
            scanner = Scanner::new(json)?;
        }
        let is_object = scanner.peek() == Some(b'{');
        if !is_object {
            scanner.skip()?;
            return scanner.end().map(|()| false);
        }
        let root = &self.nodes[0];
        // Records of a topic are alike: a key is looked for first where it would be if all came in one order.
        let mut expected = 0;
        let mut end = 0;
        let mut more = scanner.open(b'}')?;
        while more {
            let key = scanner.key()?;
            let children = &root.children;
            let found = match children.get(expected) {
                Some((name, _)) if key.is(name) => Some(expected),
                _ => children.iter().position(|(name, _)| key.is(name)),
            };
            let value = match found {
                Some(at) => {
                    expected = at + 1;
                    self.read_node(&mut scanner, children[at].1, cells)?
                }
                None if fields.is_some() => scanner.value()?,
                None => {
                    scanner.skip()?;
                    more = scanner.more(b'}')?;
                    continue;
                }
            };
            if let Some(fields) = &mut fields {
                let span = value.span();
                fields.push(Field { key: key_in(json, end, span.start), value: (span.start as u32, span.end as u32) });
                end = span.end;
            }
            more = scanner.more(b'}')?;
        }
        scanner.end()?;
        Ok(true)
    }

    /// Reads a value whose path is named or begins one that is.
    fn read_node<'a>(
        &self,
        scanner: &mut Scanner<'a>,
        node: usize,
        cells: &mut Cells<'a>,
    ) -> Result<json_scan::Value<'a>, Invalid> {
        let value = scanner.value()?;
        let Node { column, children } = &self.nodes[node];
        if let Some(column) = column {
            cells[*column] = Some(value.raw());
        }
        if !children.is_empty() {
            // Of a key that occurs twice the last one counts, with all that is in it.
            self.clear(node, cells);
            self.read_inside(value.raw(), node, cells);
        }
        Ok(value)
    }

    /// Reads the fields of a value that is valid. The depth is that of the paths.
    fn read_inside<'a>(&self, raw: &'a str, node: usize, cells: &mut Cells<'a>) {
        crate::json::each_quoted(raw, |key, value| {
            let Some((_, child)) = self.nodes[node].children.iter().find(|(name, _)| key.is(name)) else { return };
            let Node { column, children } = &self.nodes[*child];
            if let Some(column) = column {
                cells[*column] = Some(value);
            }
            if !children.is_empty() {
                self.clear(*child, cells);
                self.read_inside(value, *child, cells);
            }
        });
    }

    /// Forgets what is below a node.
    fn clear(&self, node: usize, cells: &mut Cells<'_>) {
        for (_, child) in &self.nodes[node].children {
            if let Some(column) = self.nodes[*child].column {
                cells[column] = None;
            }
            self.clear(*child, cells);
        }
    }
}

/// Where the key lies that stands, with its quotes, before a value and behind what came before it.
fn key_in(json: &[u8], from: usize, to: usize) -> (u32, u32) {
    let between = &json[from..to];
    let start = between.iter().position(|byte| *byte == b'"').unwrap_or(0);
    let end = between.iter().rposition(|byte| *byte == b'"').unwrap_or(0);
    ((from + start) as u32, (from + end + 1) as u32)
}

//! The fields that a query names, found in one pass over a record.

use json_scan::{Invalid, Quoted, Scanner, same};

/// So many names are compared one after the other; among more, one is searched for.
const FEW: usize = 8;

/// The paths of a query, merged where they begin alike. The one that is empty is the whole value.
#[derive(Debug)]
pub(crate) struct Columns {
    nodes: Vec<Node>,
    count: usize,
    /// The fields of the outermost object that the query names.
    names: Vec<Name>,
    /// Where they are in `names`, by length and text.
    sorted: Vec<u32>,
    /// One bit for each length that a name has: most fields that are not named differ in it.
    lengths: u64,
}

#[derive(Debug, Default)]
struct Node {
    /// The column that ends here.
    column: Option<usize>,
    /// The columns of longer paths.
    below: Vec<usize>,
    children: Vec<(String, usize)>,
}

/// A field of the outermost object that a query reads, leaves out or replaces.
#[derive(Debug)]
struct Name {
    text: String,
    /// The node, if something of it is read.
    node: Option<usize>,
}

/// The number of a field that a query does not name.
pub(crate) const UNNAMED: u32 = u32::MAX;

/// A field of the outermost object: where its key and its value lie in the text, the key with its quotes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Field {
    pub key: (u32, u32),
    pub value: (u32, u32),
    /// The number of its name, or [`UNNAMED`].
    pub name: u32,
}

/// Which name came after which one in the last records, which tells what to expect: those of a topic are alike.
#[derive(Debug, Default)]
pub(crate) struct Order(Vec<u32>);

/// What the columns of a record hold, as it is written; nothing where a field is missing.
pub(crate) type Cells<'a> = [Option<&'a str>];

impl Default for Columns {
    fn default() -> Self {
        Columns { nodes: vec![Node::default()], count: 0, names: Vec::new(), sorted: Vec::new(), lengths: 0 }
    }
}

impl Columns {
    /// The number of the column at a path.
    pub fn add(&mut self, path: &[String]) -> usize {
        let (mut node, mut above) = (0, Vec::new());
        for key in path {
            above.push(node);
            let found = self.nodes[node].children.iter().find(|(other, _)| other == key).map(|(_, child)| *child);
            node = found.unwrap_or_else(|| {
                let child = self.nodes.len();
                self.nodes.push(Node::default());
                self.nodes[node].children.push((key.clone(), child));
                child
            });
            if above.len() == 1 {
                let name = self.name(key);
                self.names[name].node = Some(node);
            }
        }
        if let Some(column) = self.nodes[node].column {
            return column;
        }
        let column = self.count;
        self.count += 1;
        self.nodes[node].column = Some(column);
        above.into_iter().for_each(|node| self.nodes[node].below.push(column));
        column
    }

    /// The number of a name of a field of the outermost object.
    pub fn name(&mut self, text: &str) -> usize {
        match self.place(text.as_bytes()) {
            Ok(place) => self.sorted[place] as usize,
            Err(place) => {
                let number = self.names.len();
                self.names.push(Name { text: text.to_owned(), node: None });
                self.sorted.insert(place, number as u32);
                self.lengths |= length_bit(text.len());
                number
            }
        }
    }

    /// Where a name is among those that are sorted, or where it would be.
    fn place(&self, text: &[u8]) -> Result<usize, usize> {
        self.sorted.binary_search_by(|number| {
            let name = self.names[*number as usize].text.as_bytes();
            name.len().cmp(&text.len()).then_with(|| name.cmp(text))
        })
    }

    /// The number of a key's name, if the query names it.
    #[inline]
    fn find(&self, key: &Quoted<'_>) -> Option<u32> {
        let Some(plain) = key.plain() else { return self.find_text(key.text().as_bytes()) };
        if self.lengths & length_bit(plain.len()) == 0 { None } else { self.find_text(plain) }
    }

    fn find_text(&self, text: &[u8]) -> Option<u32> {
        if self.names.len() > FEW {
            return self.place(text).ok().map(|place| self.sorted[place]);
        }
        self.names.iter().position(|name| same(name.text.as_bytes(), text)).map(|number| number as u32)
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.count
    }

    /// Whether a field of the outermost object is asked for.
    pub fn has_fields(&self) -> bool {
        !self.nodes[0].children.is_empty()
    }

    /// Fills the cells, and `fields` with all fields of the outermost object where they are asked for. Returns the
    /// text, and whether it is an object.
    pub fn read<'a>(
        &self,
        json: &'a [u8],
        cells: &mut Cells<'a>,
        mut fields: Option<&mut Vec<Field>>,
        order: &mut Order,
    ) -> Result<(&'a str, bool), Invalid> {
        let mut scanner = Scanner::new(json)?;
        let text = scanner.text();
        let is_object = scanner.peek() == Some(b'{');
        let start = scanner.at();
        if is_object {
            let followers = order.of(self.names.len());
            let mut before = 0;
            let mut more = scanner.open(b'}')?;
            while more {
                let (key, key_start) = scanner.key_at()?;
                let expected = followers[before];
                let name = match self.names.get(expected as usize) {
                    Some(name) if key.is(&name.text) => expected,
                    _ => match self.find(&key) {
                        Some(name) => {
                            followers[before] = name;
                            name
                        }
                        None => UNNAMED,
                    },
                };
                scanner.peek();
                let value = scanner.at();
                match self.names.get(name as usize) {
                    Some(Name { node, .. }) => {
                        before = name as usize + 1;
                        match node {
                            Some(node) => self.read_node(&mut scanner, *node, cells)?,
                            None => scanner.skip()?,
                        }
                    }
                    None => scanner.skip()?,
                }
                if let Some(fields) = &mut fields {
                    let key = (key_start as u32, (key_start + key.written_len()) as u32);
                    fields.push(Field { key, value: (value as u32, scanner.at() as u32), name });
                }
                more = scanner.more(b'}')?;
            }
        } else {
            scanner.skip()?;
        }
        if let Some(column) = self.nodes[0].column {
            cells[column] = Some(&text[start..scanner.at()]);
        }
        scanner.end()?;
        Ok((text, is_object))
    }

    /// Reads a value whose path is named or begins one that is. The depth is that of the text, which is bounded.
    fn read_node<'a>(&self, scanner: &mut Scanner<'a>, node: usize, cells: &mut Cells<'a>) -> Result<(), Invalid> {
        let Node { column, below, children } = &self.nodes[node];
        let first = scanner.peek();
        let start = scanner.at();
        // Of a key that occurs twice the last one counts, with all that is in it.
        below.iter().for_each(|column| cells[*column] = None);
        if children.is_empty() || first != Some(b'{') {
            scanner.skip()?;
        } else {
            let mut more = scanner.open(b'}')?;
            while more {
                let key = scanner.key()?;
                match children.iter().find(|(name, _)| key.is(name)) {
                    Some((_, child)) => self.read_node(scanner, *child, cells)?,
                    None => scanner.skip()?,
                }
                more = scanner.more(b'}')?;
            }
        }
        if let Some(column) = column {
            cells[*column] = Some(&scanner.text()[start..scanner.at()]);
        }
        Ok(())
    }
}

impl Order {
    /// For each name, and for the start at 0, the number of the one that is expected next.
    fn of(&mut self, names: usize) -> &mut [u32] {
        if self.0.len() != names + 1 {
            self.0 = vec![UNNAMED; names + 1];
        }
        &mut self.0
    }
}

fn length_bit(length: usize) -> u64 {
    1 << (length % 64)
}

//! Encodes unions: a value with a tag is taken for one before anything else.

use super::super::error::Fault;
use super::super::json_form::{Bare, Kinds};
use super::super::wire;
use super::plan::Union;
use super::run::{Run, invalid};

impl Run<'_> {
    pub(super) fn union(&mut self, union: usize) -> Result<(), Fault> {
        let union: &Union = &self.encoder.plan.unions[union];
        let kind = Kinds::of(self.scan.peek());
        if kind == Kinds::OBJECT
            && let Some(branch) = self.tag(union)?
        {
            return self.tagged(union, branch);
        }
        match union.form.bare(kind) {
            Bare::Branch(branch) => {
                wire::put_long(branch as i64, self.out);
                self.value(union.branches[branch])
            }
            Bare::None | Bare::Several => Err(self.mismatch(&union.title)),
        }
    }

    /// The branch that the first key of the object that comes next names, if its value is of a kind that the branch
    /// takes. Where that could be a value without tag as well, such unions are written with tags, and so it is none.
    fn tag(&mut self, union: &Union) -> Result<Option<usize>, Fault> {
        let Some((key, first)) = self.scan.peek_object().map_err(invalid)? else { return Ok(None) };
        let text = key.text();
        let found = union.form.tags.get(&*text).filter(|(_, kinds)| kinds.overlaps(Kinds::of(first)));
        Ok(found.map(|(branch, _)| *branch))
    }

    fn tagged(&mut self, union: &Union, branch: usize) -> Result<(), Fault> {
        self.enter(b'}')?;
        self.scan.key().map_err(invalid)?;
        wire::put_long(branch as i64, self.out);
        self.value(union.branches[branch])?;
        if self.scan.more(b'}').map_err(invalid)? {
            return Err(Fault::new(format!("expected {}, found an object with more than one field", union.title)));
        }
        self.leave();
        Ok(())
    }
}

//! Reads over what the reader's schema does not have.

use super::super::error::Fault;
use super::plan::Op;
use super::run::Run;

impl Run<'_> {
    /// Reads over a value.
    pub(super) fn skip(&mut self, op: Op) -> Result<(), Fault> {
        self.skipped += 1;
        if self.skipped > self.limits.bytes {
            let most = self.limits.bytes;
            return Err(Fault::new(format!("expected at most {most} values that the reader lacks, found more")));
        }
        match op {
            Op::Null => {}
            Op::Boolean => drop(self.boolean()?),
            Op::Int | Op::Moment(_, true) | Op::Enum(_) => drop(self.int()?),
            Op::Long | Op::Moment(_, false) | Op::LongAsFloat | Op::LongAsDouble => drop(self.long()?),
            Op::Float | Op::FloatAsDouble => drop(self.take(4, "a float")?),
            Op::Double => drop(self.take(8, "a double")?),
            Op::Text | Op::Bytes | Op::Decimal(_) | Op::BigDecimal => drop(self.sized("bytes")?),
            Op::Fixed(size) | Op::FixedDecimal(size, _) => drop(self.take(size as usize, "a fixed")?),
            Op::Duration => drop(self.take(12, "a duration")?),
            Op::Uuid => drop(self.take(16, "a uuid")?),
            Op::Array(items) => return self.skip_items(self.plan.items[items as usize], false),
            Op::Map(items) => return self.skip_items(self.plan.items[items as usize], true),
            Op::Union(union) => {
                let branch = self.branch_of(union)?;
                return self.skip(branch.op);
            }
            Op::Tagged(branch) => return self.skip(self.plan.branches[branch as usize].op),
            Op::Record(record) => return self.skip_record(record),
            Op::Never(reason) => return Err(Fault::new(&*self.plan.reasons[reason as usize])),
        }
        Ok(())
    }

    fn skip_items(&mut self, op: Op, is_map: bool) -> Result<(), Fault> {
        self.enter()?;
        while let Some(block) = self.block()? {
            if let Some(size) = block.size {
                self.take(size, "a block")?;
                continue;
            }
            for _ in 0..block.count {
                if is_map {
                    self.sized("a key")?;
                }
                self.skip(op)?;
            }
        }
        self.leave();
        Ok(())
    }

    fn skip_record(&mut self, record: u32) -> Result<(), Fault> {
        self.enter()?;
        let plan = self.plan;
        for step in &plan.steps[plan.records[record as usize].steps.range()] {
            let read = self.skip(step.op);
            read.map_err(|fault| fault.in_field(&String::from_utf8_lossy(plan.text(step.name))))?;
        }
        self.leave();
        Ok(())
    }
}

//! Encodes arrays and maps, each as one block.

use super::super::error::Fault;
use super::super::wire;
use super::plan::Op;
use super::run::{Run, invalid};

impl Run<'_> {
    pub(super) fn array(&mut self, items: Op) -> Result<(), Fault> {
        self.expect(b'[', "an array")?;
        let start = self.begin_block();
        let mut count = 0;
        if self.enter(b']')? {
            loop {
                self.room(0)?;
                self.value(items).map_err(|fault| fault.in_item(count))?;
                count += 1;
                if !self.scan.more(b']').map_err(invalid)? {
                    break;
                }
            }
        }
        self.end_block(count, start);
        Ok(())
    }

    pub(super) fn map(&mut self, values: Op) -> Result<(), Fault> {
        self.expect(b'{', "an object")?;
        let start = self.begin_block();
        let mut count = 0;
        if self.enter(b'}')? {
            loop {
                self.room(0)?;
                let key = self.scan.key().map_err(invalid)?;
                self.put_text(&key);
                self.value(values).map_err(|fault| fault.in_entry(&key.text()))?;
                count += 1;
                if !self.scan.more(b'}').map_err(invalid)? {
                    break;
                }
            }
        }
        self.end_block(count, start);
        Ok(())
    }

    /// Keeps a byte for the block's count, which most counts fit into.
    fn begin_block(&mut self) -> usize {
        self.out.push(0);
        self.out.len() - 1
    }

    /// Without items the byte that was kept is already the end.
    fn end_block(&mut self, count: usize, start: usize) {
        if count > 0 {
            wire::insert_long(count as i64, start, self.out);
            self.out.push(0);
        }
        self.leave();
    }
}

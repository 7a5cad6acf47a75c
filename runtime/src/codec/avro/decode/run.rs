//! Runs a plan: data in, JSON text out.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

use super::super::calendar::Moment;
use super::super::error::Fault;
use super::super::{Limits, decimal, wire};
use super::plan::{Branch, Op, Plan, Symbol};

/// Appends the JSON text of one datum.
pub(super) fn decode(plan: &Plan, op: Op, bytes: &[u8], limits: Limits, out: &mut Vec<u8>) -> Result<(), Fault> {
    let most = out.len().saturating_add(limits.bytes);
    let mut run = Run { plan, bytes, at: 0, out, most, limits, depth: 0, skipped: 0 };
    run.value(op)?;
    run.room(0)?;
    if run.at < bytes.len() {
        return Err(Fault::new(format!("expected the end of the data, found {} more bytes", bytes.len() - run.at)));
    }
    Ok(())
}

/// A plan that is being run.
pub(super) struct Run<'a> {
    pub plan: &'a Plan,
    pub bytes: &'a [u8],
    pub at: usize,
    out: &'a mut Vec<u8>,
    /// How long `out` may become.
    most: usize,
    pub limits: Limits,
    depth: u32,
    /// How many values were read that are not written: what bounds those that take no bytes.
    pub skipped: usize,
}

impl<'a> Run<'a> {
    /// Reads a value and writes it.
    fn value(&mut self, op: Op) -> Result<(), Fault> {
        match op {
            Op::Null => self.put(b"null"),
            Op::Boolean => {
                let text: &[u8] = if self.boolean()? { b"true" } else { b"false" };
                self.put(text);
            }
            Op::Int => {
                let number = self.int()?;
                self.put(itoa::Buffer::new().format(number).as_bytes());
            }
            Op::Long => {
                let number = self.long()?;
                self.put(itoa::Buffer::new().format(number).as_bytes());
            }
            Op::Text => return self.text(),
            Op::Record(record) => return self.record(record),
            Op::Union(union) => return self.union(union),
            Op::Moment(moment, is_int) => return self.moment(moment, is_int),
            Op::Double => {
                let number = f64::from_le_bytes(self.array("a double")?);
                self.double(number);
            }
            Op::Float => {
                let number = f32::from_le_bytes(self.array("a float")?);
                self.float(number);
            }
            Op::FloatAsDouble => {
                let number = f32::from_le_bytes(self.array("a float")?);
                self.double(f64::from(number));
            }
            Op::LongAsDouble => {
                let number = self.long()?;
                self.double(number as f64);
            }
            Op::LongAsFloat => {
                let number = self.long()?;
                self.float(number as f32);
            }
            Op::Enum(of) => return self.symbol(of),
            Op::Bytes => {
                let bytes = self.sized("bytes")?;
                return self.base64(bytes);
            }
            Op::Fixed(size) => {
                let bytes = self.take(size as usize, "a fixed")?;
                return self.base64(bytes);
            }
            Op::Decimal(scale) => {
                let bytes = self.sized("bytes")?;
                return self.decimal(bytes, scale);
            }
            Op::FixedDecimal(size, scale) => {
                let bytes = self.take(size as usize, "a fixed")?;
                return self.decimal(bytes, scale);
            }
            Op::BigDecimal => return self.big_decimal(),
            Op::Duration => return self.duration(),
            Op::Uuid => return self.uuid(),
            Op::Array(items) => return self.items(self.plan.items[items as usize], false),
            Op::Map(items) => return self.items(self.plan.items[items as usize], true),
            Op::Tagged(branch) => return self.branch(self.plan.branches[branch as usize]),
            Op::Never(reason) => return Err(Fault::new(&*self.plan.reasons[reason as usize])),
        }
        Ok(())
    }

    fn record(&mut self, record: u32) -> Result<(), Fault> {
        self.enter()?;
        let plan = self.plan;
        let record = plan.records[record as usize];
        for step in &plan.steps[record.steps.range()] {
            let read = match step.before {
                Some(before) => {
                    self.put(plan.text(before));
                    self.value(step.op)
                }
                None => self.skip(step.op),
            };
            if let Err(fault) = read {
                return Err(fault.in_field(&String::from_utf8_lossy(plan.text(step.name))));
            }
        }
        let after = plan.text(record.after);
        self.room(after.len())?;
        self.put(after);
        self.depth -= 1;
        Ok(())
    }

    fn union(&mut self, union: u32) -> Result<(), Fault> {
        let branch = self.branch_of(union)?;
        self.branch(branch)
    }

    /// The branch of a union that the data names.
    pub(super) fn branch_of(&mut self, union: u32) -> Result<Branch, Fault> {
        let branches = &self.plan.unions[union as usize];
        let index = self.long()?;
        let branch = usize::try_from(index).ok().and_then(|index| branches.get(index));
        branch.copied().ok_or_else(|| {
            Fault::new(format!("expected one of the union's {} branches, found the index {index}", branches.len()))
        })
    }

    fn branch(&mut self, branch: Branch) -> Result<(), Fault> {
        let Some(tag) = branch.tag else { return self.value(branch.op) };
        self.enter()?;
        self.put(self.plan.text(tag));
        self.value(branch.op)?;
        self.put(b"}");
        self.depth -= 1;
        Ok(())
    }

    /// An array or a map.
    fn items(&mut self, op: Op, is_map: bool) -> Result<(), Fault> {
        self.enter()?;
        self.put(if is_map { b"{" } else { b"[" });
        let mut index = 0;
        while let Some(block) = self.block()? {
            for _ in 0..block.count {
                if index > 0 {
                    self.put(b",");
                }
                self.room(0)?;
                if is_map {
                    let key = self.key()?;
                    self.value(op).map_err(|fault| fault.in_entry(key))?;
                } else {
                    self.value(op).map_err(|fault| fault.in_item(index))?;
                }
                index += 1;
            }
        }
        self.put(if is_map { b"}" } else { b"]" });
        self.depth -= 1;
        Ok(())
    }

    fn key(&mut self) -> Result<&'a str, Fault> {
        let key = self.str()?;
        json_scan::escape(key, self.out);
        self.put(b":");
        Ok(key)
    }

    fn text(&mut self) -> Result<(), Fault> {
        let text = self.str()?;
        self.room(text.len())?;
        json_scan::escape(text, self.out);
        Ok(())
    }

    fn moment(&mut self, moment: Moment, is_int: bool) -> Result<(), Fault> {
        let number = if is_int { i64::from(self.int()?) } else { self.long()? };
        moment.write(number, self.out);
        Ok(())
    }

    fn symbol(&mut self, of: u32) -> Result<(), Fault> {
        let symbols = &self.plan.enums[of as usize];
        let index = self.int()?;
        match usize::try_from(index).ok().and_then(|index| symbols.get(index)) {
            Some(Symbol::Text(text)) => {
                let text = self.plan.text(*text);
                self.room(text.len())?;
                self.put(text);
            }
            Some(Symbol::Never(reason)) => return Err(Fault::new(&*self.plan.reasons[*reason as usize])),
            None => {
                let text = format!("expected one of the enum's {} symbols, found the index {index}", symbols.len());
                return Err(Fault::new(text));
            }
        }
        Ok(())
    }

    fn double(&mut self, number: f64) {
        if number.is_finite() {
            self.put(zmij::Buffer::new().format_finite(number).as_bytes());
        } else {
            self.not_finite(number);
        }
    }

    fn float(&mut self, number: f32) {
        if number.is_finite() {
            self.put(zmij::Buffer::new().format_finite(number).as_bytes());
        } else {
            self.not_finite(f64::from(number));
        }
    }

    #[cold]
    fn not_finite(&mut self, number: f64) {
        self.put(match number {
            f64::INFINITY => b"\"Infinity\"",
            f64::NEG_INFINITY => b"\"-Infinity\"",
            _ => b"\"NaN\"",
        });
    }

    fn base64(&mut self, bytes: &[u8]) -> Result<(), Fault> {
        self.room(bytes.len())?;
        let size = bytes.len().div_ceil(3) * 4;
        self.out.push(b'"');
        let start = self.out.len();
        self.out.resize(start + size, 0);
        BASE64.encode_slice(bytes, &mut self.out[start..]).expect("the text has this size");
        self.out.push(b'"');
        Ok(())
    }

    fn decimal(&mut self, bytes: &[u8], scale: u32) -> Result<(), Fault> {
        self.room(scale as usize)?;
        self.out.push(b'"');
        decimal::write(bytes, scale, self.out)
            .map_err(|found| Fault::new(format!("expected a decimal, found {found}")))?;
        self.out.push(b'"');
        Ok(())
    }

    /// Its bytes hold the unscaled number as `bytes`, and the scale as an `int`.
    fn big_decimal(&mut self) -> Result<(), Fault> {
        let bytes = self.sized("bytes")?;
        let wrong = |found: &str| Fault::new(format!("expected a big-decimal, found {found}"));
        let parts = || {
            let (size, start) = wire::long(bytes)?;
            let end = start.checked_add(usize::try_from(size).ok()?)?;
            let (scale, scale_size) = wire::long(bytes.get(end..)?)?;
            let is_whole = end + scale_size == bytes.len();
            Some((bytes.get(start..end)?, i32::try_from(scale).ok().filter(|_| is_whole)?))
        };
        let (unscaled, scale) = parts().ok_or_else(|| wrong("other bytes"))?;
        self.out.push(b'"');
        decimal::write_big(unscaled, scale, self.out).map_err(wrong)?;
        self.out.push(b'"');
        Ok(())
    }

    fn duration(&mut self) -> Result<(), Fault> {
        let parts: [u8; 12] = self.array("a duration")?;
        for (name, part) in [&b"{\"months\":"[..], b",\"days\":", b",\"millis\":"].iter().zip(parts.as_chunks::<4>().0)
        {
            self.put(name);
            self.put(itoa::Buffer::new().format(u32::from_le_bytes(*part)).as_bytes());
        }
        self.put(b"}");
        Ok(())
    }

    fn uuid(&mut self) -> Result<(), Fault> {
        let bytes: [u8; 16] = self.array("a uuid")?;
        self.out.push(b'"');
        for (index, byte) in bytes.iter().enumerate() {
            if matches!(index, 4 | 6 | 8 | 10) {
                self.out.push(b'-');
            }
            let digit = |number: u8| b"0123456789abcdef"[usize::from(number)];
            self.put(&[digit(byte >> 4), digit(byte & 15)]);
        }
        self.out.push(b'"');
        Ok(())
    }

    #[inline]
    fn put(&mut self, text: &[u8]) {
        self.out.extend_from_slice(text);
    }

    /// Checks that the output has room for as many bytes more.
    #[inline]
    fn room(&self, more: usize) -> Result<(), Fault> {
        if self.out.len() + more > self.most { Err(self.too_large()) } else { Ok(()) }
    }

    #[cold]
    fn too_large(&self) -> Fault {
        Fault::new(format!("expected at most {} bytes of JSON text, found more", self.limits.bytes))
    }

    /// Begins an object or an array. Records that take no bytes can make a text of any length, so this looks at it.
    #[inline]
    pub(super) fn enter(&mut self) -> Result<(), Fault> {
        self.room(0)?;
        self.depth += 1;
        if self.depth > self.limits.depth {
            let most = self.limits.depth;
            return Err(Fault::new(format!(
                "expected at most {most} objects and arrays inside one another, found more"
            )));
        }
        Ok(())
    }

    pub(super) fn leave(&mut self) {
        self.depth -= 1;
    }
}

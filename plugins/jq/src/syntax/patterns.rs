//! Patterns: what stands behind `as`.

use super::lexer::Token;
use super::parser::Parser;
use super::{Ast, Pattern, Wrong};

/// What takes one value out of an object: the variable that holds it as well, if there is one; its key; and a pattern
/// for it.
type FieldPattern = (Option<std::rc::Rc<str>>, Ast, Option<Pattern>);

impl Parser<'_> {
    pub fn pattern(&mut self) -> Result<Pattern, Wrong> {
        self.nested(|parser| match parser.token {
            Token::Variable(_) => Ok(Pattern::Variable(parser.expect_variable()?)),
            Token::Symbol("[") => {
                parser.advance()?;
                let mut elements = vec![parser.pattern()?];
                while parser.take_symbol(",")? {
                    elements.push(parser.pattern()?);
                }
                parser.expect_symbol("]")?;
                Ok(Pattern::Array(elements))
            }
            Token::Symbol("{") => {
                parser.advance()?;
                let mut fields = vec![parser.field_pattern()?];
                while parser.take_symbol(",")? {
                    fields.push(parser.field_pattern()?);
                }
                parser.expect_symbol("}")?;
                Ok(Pattern::Object(fields))
            }
            _ => Err(parser.expected("a pattern: a variable, `[` or `{`")),
        })
    }

    fn field_pattern(&mut self) -> Result<FieldPattern, Wrong> {
        let (variable, key) = match self.token {
            Token::Variable(name) => {
                self.advance()?;
                let pattern = if self.take_symbol(":")? { Some(self.pattern()?) } else { None };
                return Ok((Some(name.into()), super::terms::text(name), pattern));
            }
            Token::Word(name) => {
                self.advance()?;
                (None, super::terms::text(name))
            }
            Token::Quote => (None, self.string(None)?),
            Token::Symbol("(") => {
                self.advance()?;
                let key = self.pipe()?;
                self.expect_symbol(")")?;
                (None, key)
            }
            _ => return Err(self.expected("a key or variable")),
        };
        self.expect_symbol(":")?;
        Ok((variable, key, Some(self.pattern()?)))
    }
}

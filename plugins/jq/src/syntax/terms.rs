//! Terms: what operators stand between.

use std::rc::Rc;

use super::lexer::Token;
use super::parser::Parser;
use super::{Ast, Wrong};

const KEYWORDS: [&str; 19] = [
    "__loc__", "and", "as", "catch", "def", "elif", "else", "end", "foreach", "if", "import", "include", "label",
    "module", "or", "reduce", "then", "try", "break",
];

impl<'p> Parser<'p> {
    /// A term with what follows it: `.a[0]?`.
    pub fn postfix(&mut self) -> Result<Ast, Wrong> {
        let mut ast = self.term()?;
        loop {
            ast = match self.token {
                Token::Field(name) => {
                    self.advance()?;
                    Ast::Index(ast.into(), text(name).into())
                }
                Token::Symbol(".") => {
                    self.advance()?;
                    match self.token {
                        Token::Quote => {
                            let key = self.string(None)?;
                            Ast::Index(ast.into(), key.into())
                        }
                        Token::Symbol("[") => self.bracket(ast)?,
                        _ => return Err(self.expected("a key, like `.name` or `.\"name\"`")),
                    }
                }
                Token::Symbol("[") => self.bracket(ast)?,
                // Behind a term this is `?` and `//`: only between patterns it is one word.
                Token::Symbol("?//") => {
                    self.token = Token::Symbol("//");
                    Ast::Try(ast.into(), None)
                }
                Token::Symbol("?") => {
                    self.advance()?;
                    Ast::Try(ast.into(), None)
                }
                _ => return Ok(ast),
            }
        }
    }

    /// `[]`, `[at]` or `[from:to]` behind a term.
    fn bracket(&mut self, of: Ast) -> Result<Ast, Wrong> {
        self.expect_symbol("[")?;
        if self.take_symbol("]")? {
            return Ok(Ast::Each(of.into()));
        }
        if self.take_symbol(":")? {
            let to = self.pipe()?;
            self.expect_symbol("]")?;
            return Ok(Ast::Slice(of.into(), None, Some(to.into())));
        }
        let at = self.pipe()?;
        if self.take_symbol(":")? {
            let to = if self.is_symbol("]") { None } else { Some(self.pipe()?.into()) };
            self.expect_symbol("]")?;
            return Ok(Ast::Slice(of.into(), Some(at.into()), to));
        }
        if !self.is_symbol("]") {
            return Err(self.expected("`]`"));
        }
        self.advance()?;
        Ok(Ast::Index(of.into(), at.into()))
    }

    fn term(&mut self) -> Result<Ast, Wrong> {
        let at = self.at;
        match self.token.clone() {
            Token::Number(number) => {
                self.advance()?;
                Ok(Ast::Number(number))
            }
            Token::Quote => self.string(None),
            Token::Format(name) => {
                self.advance()?;
                match self.token {
                    Token::Quote => {
                        super::strings::known_format(name, at)?;
                        self.string(Some(name.into()))
                    }
                    _ => Ok(Ast::Format(name.into(), at)),
                }
            }
            Token::Field(name) => {
                self.advance()?;
                Ok(Ast::Index(Ast::Identity.into(), text(name).into()))
            }
            Token::Variable("__loc__") => {
                self.advance()?;
                Ok(Ast::Location(self.line(at)))
            }
            Token::Variable(name) => {
                self.advance()?;
                Ok(Ast::Variable(name.into(), at))
            }
            Token::Word(word) => self.word(word, at),
            Token::Symbol(symbol) => self.symbol(symbol),
            Token::End => Err(self.expected("an expression")),
        }
    }

    pub fn line(&self, at: usize) -> usize {
        self.lexer.program[..at].matches('\n').count() + 1
    }

    fn symbol(&mut self, symbol: &str) -> Result<Ast, Wrong> {
        match symbol {
            "." => {
                self.advance()?;
                if self.token == Token::Quote {
                    let key = self.string(None)?;
                    return Ok(Ast::Index(Ast::Identity.into(), key.into()));
                }
                Ok(Ast::Identity)
            }
            ".." => {
                self.advance()?;
                Ok(Ast::RecurseDefault)
            }
            "(" => {
                self.advance()?;
                let ast = self.pipe()?;
                self.expect_symbol(")")?;
                Ok(ast)
            }
            "[" => {
                self.advance()?;
                if self.take_symbol("]")? {
                    return Ok(Ast::Array(None));
                }
                let elements = self.pipe()?;
                self.expect_symbol("]")?;
                Ok(Ast::Array(Some(elements.into())))
            }
            "{" => self.object(),
            _ => Err(self.expected("an expression")),
        }
    }

    fn word(&mut self, word: &'p str, at: usize) -> Result<Ast, Wrong> {
        match word {
            "if" => self.condition(),
            "try" => {
                self.advance()?;
                let body = self.nested(Self::post_term)?;
                let handler = if self.take_word("catch")? { Some(self.nested(Self::post_term)?.into()) } else { None };
                Ok(Ast::Try(body.into(), handler))
            }
            "reduce" => {
                self.advance()?;
                let source = self.operation(0)?;
                let patterns = self.patterns()?;
                self.expect_symbol("(")?;
                let init = self.pipe()?;
                self.expect_symbol(";")?;
                let update = self.pipe()?;
                self.expect_symbol(")")?;
                Ok(Ast::Reduce(source.into(), patterns, init.into(), update.into()))
            }
            "foreach" => {
                self.advance()?;
                let source = self.operation(0)?;
                let patterns = self.patterns()?;
                self.expect_symbol("(")?;
                let init = self.pipe()?;
                self.expect_symbol(";")?;
                let update = self.pipe()?;
                let extract = if self.take_symbol(";")? { Some(self.pipe()?.into()) } else { None };
                self.expect_symbol(")")?;
                Ok(Ast::Foreach(source.into(), patterns, init.into(), update.into(), extract))
            }
            "break" => {
                self.advance()?;
                let label = self.expect_variable()?;
                Ok(Ast::Break(label, at))
            }
            _ if KEYWORDS.contains(&word) => Err(self.expected("an expression")),
            _ => self.call(word, at),
        }
    }

    /// A term, or a negative one.
    fn post_term(&mut self) -> Result<Ast, Wrong> {
        if self.take_symbol("-")? {
            return Ok(Ast::Negative(self.nested(Self::post_term)?.into()));
        }
        self.postfix()
    }

    fn call(&mut self, name: &str, at: usize) -> Result<Ast, Wrong> {
        self.advance()?;
        let mut arguments = Vec::new();
        if self.take_symbol("(")? {
            loop {
                arguments.push(Rc::new(self.pipe()?));
                if !self.take_symbol(";")? {
                    break;
                }
            }
            self.expect_symbol(")")?;
        }
        Ok(Ast::Call(name.into(), arguments, at))
    }

    fn condition(&mut self) -> Result<Ast, Wrong> {
        self.advance()?;
        let condition = self.pipe()?;
        self.expect_word("then")?;
        let then = self.pipe()?;
        let otherwise = match self.token {
            Token::Word("elif") => Some(self.nested(Self::condition)?.into()),
            Token::Word("else") => {
                self.advance()?;
                let otherwise = self.pipe()?;
                self.expect_word("end")?;
                Some(otherwise.into())
            }
            Token::Word("end") => {
                self.advance()?;
                None
            }
            _ => return Err(self.expected("`elif`, `else` or `end`")),
        };
        Ok(Ast::If(condition.into(), then.into(), otherwise))
    }
}

/// A string without expressions in it.
pub(super) fn text(text: &str) -> Ast {
    Ast::String(None, vec![super::Part::Text(text.into())])
}

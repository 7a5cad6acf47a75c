//! Reads a program: pipes, definitions and what binds names. Operators, terms, strings and patterns have their own
//! files.

use std::rc::Rc;

use super::lexer::{Lexer, Token};
use super::{Ast, Definition, Parameter, Pattern, Wrong};

/// How deep expressions may lie in one another: what bounds the stack of all that goes through a program.
const MAX_DEPTH: usize = 200;

/// Reads a whole program.
pub(crate) fn parse(program: &str) -> Result<Ast, Wrong> {
    let mut parser = Parser::new(program)?;
    if parser.token == Token::End {
        return Ok(Ast::Identity);
    }
    let ast = parser.pipe()?;
    parser.expect_end()?;
    Ok(ast)
}

/// Reads definitions and nothing else.
pub(crate) fn parse_definitions(program: &str) -> Result<Vec<Rc<Definition>>, Wrong> {
    let mut parser = Parser::new(program)?;
    let mut definitions = Vec::new();
    while parser.is_word("def") {
        definitions.push(Rc::new(parser.definition()?));
    }
    parser.expect_end()?;
    Ok(definitions)
}

pub(super) struct Parser<'p> {
    pub lexer: Lexer<'p>,
    /// The word that comes next, and where it begins.
    pub token: Token<'p>,
    pub at: usize,
    depth: usize,
}

impl<'p> Parser<'p> {
    fn new(program: &'p str) -> Result<Parser<'p>, Wrong> {
        let mut lexer = Lexer { program, at: 0 };
        let (token, at) = lexer.next()?;
        Ok(Parser { lexer, token, at, depth: 0 })
    }

    /// Steps over the next word.
    pub fn advance(&mut self) -> Result<Token<'p>, Wrong> {
        let (token, at) = self.lexer.next()?;
        self.at = at;
        Ok(std::mem::replace(&mut self.token, token))
    }

    pub fn is_symbol(&self, symbol: &str) -> bool {
        matches!(&self.token, Token::Symbol(found) if *found == symbol)
    }

    pub fn is_word(&self, word: &str) -> bool {
        matches!(&self.token, Token::Word(found) if *found == word)
    }

    /// Steps over a symbol if it comes next, and tells whether it did.
    pub fn take_symbol(&mut self, symbol: &str) -> Result<bool, Wrong> {
        let is_next = self.is_symbol(symbol);
        if is_next {
            self.advance()?;
        }
        Ok(is_next)
    }

    pub fn take_word(&mut self, word: &str) -> Result<bool, Wrong> {
        let is_next = self.is_word(word);
        if is_next {
            self.advance()?;
        }
        Ok(is_next)
    }

    pub fn expect_symbol(&mut self, symbol: &str) -> Result<(), Wrong> {
        if self.take_symbol(symbol)? { Ok(()) } else { Err(self.expected(&format!("`{symbol}`"))) }
    }

    pub fn expect_word(&mut self, word: &str) -> Result<(), Wrong> {
        if self.take_word(word)? { Ok(()) } else { Err(self.expected(&format!("`{word}`"))) }
    }

    fn expect_end(&self) -> Result<(), Wrong> {
        if self.token == Token::End { Ok(()) } else { Err(self.expected("the end")) }
    }

    pub fn expect_variable(&mut self) -> Result<Rc<str>, Wrong> {
        let Token::Variable(name) = self.token else { return Err(self.expected("a variable like `$x`")) };
        self.advance()?;
        Ok(name.into())
    }

    /// What is wrong where something else is expected.
    pub fn expected(&self, what: &str) -> Wrong {
        let rest = &self.lexer.program[self.at..];
        let found: String = match self.token {
            Token::End => return Wrong::new(self.at, format!("expected {what}, found the end")),
            Token::Quote => "\"".into(),
            _ => rest.chars().take_while(|character| !character.is_whitespace()).take(20).collect(),
        };
        Wrong::new(self.at, format!("expected {what}, found `{found}`"))
    }

    /// Goes one level deeper.
    pub fn nested<T>(&mut self, read: impl FnOnce(&mut Self) -> Result<T, Wrong>) -> Result<T, Wrong> {
        if self.depth == MAX_DEPTH {
            return Err(Wrong::new(self.at, format!("more than {MAX_DEPTH} expressions lie inside one another")));
        }
        self.depth += 1;
        let result = read(self);
        self.depth -= 1;
        result
    }

    /// Everything up to a closing bracket or the end.
    pub fn pipe(&mut self) -> Result<Ast, Wrong> {
        self.nested(|parser| {
            // A pipe of many is read without recursion and put together from its end, where what follows belongs.
            let mut parts = Vec::new();
            loop {
                if let Some(ast) = parser.binder()? {
                    parts.push(ast);
                    break;
                }
                parts.push(parser.comma()?);
                if !parser.take_symbol("|")? {
                    break;
                }
            }
            let last = parts.pop().unwrap_or(Ast::Identity);
            Ok(parts.into_iter().rfold(last, |rest, part| Ast::Pipe(part.into(), rest.into())))
        })
    }

    /// A definition or label, with all that follows it.
    pub fn binder(&mut self) -> Result<Option<Ast>, Wrong> {
        if self.is_word("def") {
            let definition = self.definition()?;
            let rest = self.pipe()?;
            return Ok(Some(Ast::Define(definition.into(), rest.into())));
        }
        if self.is_word("label") {
            self.advance()?;
            let name = self.expect_variable()?;
            self.expect_symbol("|")?;
            let rest = self.pipe()?;
            return Ok(Some(Ast::Label(name, rest.into())));
        }
        if self.is_word("import") || self.is_word("include") || self.is_word("module") {
            return Err(Wrong::new(self.at, "modules are not available, as a plugin cannot reach outside"));
        }
        Ok(None)
    }

    fn definition(&mut self) -> Result<Definition, Wrong> {
        self.expect_word("def")?;
        let Token::Word(name) = self.token else { return Err(self.expected("the name of the function")) };
        self.advance()?;
        let mut parameters = Vec::new();
        if self.take_symbol("(")? {
            loop {
                let (name, is_value) = match self.token {
                    Token::Word(name) => (name, false),
                    Token::Variable(name) => (name, true),
                    _ => return Err(self.expected("a parameter")),
                };
                self.advance()?;
                parameters.push(Parameter { name: name.into(), is_value });
                if !self.take_symbol(";")? {
                    break;
                }
            }
            self.expect_symbol(")")?;
        }
        self.expect_symbol(":")?;
        let body = self.pipe()?;
        self.expect_symbol(";")?;
        Ok(Definition { name: name.into(), parameters, body })
    }

    /// The rest of `TERM as PATTERNS | ...`.
    pub fn bind(&mut self, source: Ast) -> Result<Ast, Wrong> {
        let patterns = self.patterns()?;
        self.expect_symbol("|")?;
        let body = self.pipe()?;
        Ok(Ast::Bind(source.into(), patterns, body.into()))
    }

    /// What stands between `as` and what uses it: at least one pattern, alternatives between `?//`.
    pub fn patterns(&mut self) -> Result<Vec<Pattern>, Wrong> {
        self.expect_word("as")?;
        let mut patterns = vec![self.pattern()?];
        while self.take_symbol("?//")? {
            patterns.push(self.pattern()?);
        }
        Ok(patterns)
    }
}

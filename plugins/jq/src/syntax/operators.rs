//! Operators, by their precedence.

use super::lexer::Token;
use super::parser::Parser;
use super::{Ast, Binary, Compare, Math, Wrong};

/// How an operator groups with others of its precedence.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Grouping {
    Left,
    Right,
    None,
}

/// An operator with its precedence: a higher one binds closer.
fn operator(token: &Token<'_>) -> Option<(Binary, u8, Grouping)> {
    let operator = match token {
        Token::Word("or") => (Binary::Or, 3, Grouping::Left),
        Token::Word("and") => (Binary::And, 4, Grouping::Left),
        Token::Symbol(symbol) => match *symbol {
            "//" => (Binary::Alternative, 1, Grouping::Right),
            "=" => (Binary::Assign, 2, Grouping::None),
            "|=" => (Binary::Update, 2, Grouping::None),
            "+=" => (Binary::MathUpdate(Math::Add), 2, Grouping::None),
            "-=" => (Binary::MathUpdate(Math::Subtract), 2, Grouping::None),
            "*=" => (Binary::MathUpdate(Math::Multiply), 2, Grouping::None),
            "/=" => (Binary::MathUpdate(Math::Divide), 2, Grouping::None),
            "%=" => (Binary::MathUpdate(Math::Remainder), 2, Grouping::None),
            "//=" => (Binary::AlternativeUpdate, 2, Grouping::None),
            "==" => (Binary::Compare(Compare::Equal), 5, Grouping::None),
            "!=" => (Binary::Compare(Compare::Unequal), 5, Grouping::None),
            "<" => (Binary::Compare(Compare::Less), 5, Grouping::None),
            "<=" => (Binary::Compare(Compare::LessOrEqual), 5, Grouping::None),
            ">" => (Binary::Compare(Compare::Greater), 5, Grouping::None),
            ">=" => (Binary::Compare(Compare::GreaterOrEqual), 5, Grouping::None),
            "+" => (Binary::Math(Math::Add), 6, Grouping::Left),
            "-" => (Binary::Math(Math::Subtract), 6, Grouping::Left),
            "*" => (Binary::Math(Math::Multiply), 7, Grouping::Left),
            "/" => (Binary::Math(Math::Divide), 7, Grouping::Left),
            "%" => (Binary::Math(Math::Remainder), 7, Grouping::Left),
            _ => return None,
        },
        _ => return None,
    };
    Some(operator)
}

impl Parser<'_> {
    /// Expressions with commas between them.
    pub fn comma(&mut self) -> Result<Ast, Wrong> {
        let mut ast = self.query()?;
        while self.take_symbol(",")? {
            let other = match self.binder()? {
                Some(other) => other,
                None => self.query()?,
            };
            ast = Ast::Comma(ast.into(), other.into());
        }
        Ok(ast)
    }

    /// An expression without commas, or what binds its results to names.
    fn query(&mut self) -> Result<Ast, Wrong> {
        let ast = self.operation(0)?;
        if self.is_word("as") { self.bind(ast) } else { Ok(ast) }
    }

    /// Operators that bind at least so closely.
    pub fn operation(&mut self, minimum: u8) -> Result<Ast, Wrong> {
        self.nested(|parser| {
            let mut left = parser.operand()?;
            let mut refused = None;
            while let Some((binary, precedence, grouping)) = operator(&parser.token) {
                if precedence < minimum {
                    break;
                }
                if refused == Some(precedence) {
                    return Err(parser.expected("no second operator of this kind without parentheses"));
                }
                parser.advance()?;
                let right = parser.operation(if grouping == Grouping::Right { precedence } else { precedence + 1 })?;
                left = Ast::Binary(binary, left.into(), right.into());
                refused = (grouping == Grouping::None).then_some(precedence);
            }
            Ok(left)
        })
    }

    fn operand(&mut self) -> Result<Ast, Wrong> {
        if self.take_symbol("-")? {
            let of = self.nested(Self::operand)?;
            return Ok(Ast::Negative(of.into()));
        }
        self.postfix()
    }
}

//! A query as tokens: its size and depth are bounded here, before anything recursive looks at it.

use sqlparser::keywords::Keyword;
use sqlparser::tokenizer::{Location, Token, TokenWithSpan, Tokenizer, Word};

use crate::dialect::JsonSqlDialect;
use crate::error::{Place, QueryError};

/// The most bytes of a query.
const MAX_BYTES: usize = 64 << 10;
/// The most operators that stand beside and inside one another: bounds how deep the tree of an expression is.
const MAX_DEPTH: usize = 500;

pub(crate) fn place(location: Location) -> Place {
    Place { line: location.line, column: location.column }
}

/// The tokens of a query without white space and comments. `AS __headers['h']` is one alias.
pub(crate) fn read(query: &str) -> Result<Vec<TokenWithSpan>, QueryError> {
    if query.len() > MAX_BYTES {
        let message = format!("the query has {} bytes; it may have {MAX_BYTES}", query.len());
        return Err(QueryError::new(Place::default(), message));
    }
    let dialect = JsonSqlDialect::default();
    let tokens = Tokenizer::new(&dialect, query)
        .tokenize_with_location()
        .map_err(|error| QueryError::new(place(error.location), error.message))?;
    let tokens: Vec<_> = tokens.into_iter().filter(|token| !matches!(token.token, Token::Whitespace(_))).collect();
    check_depth(&tokens)?;
    check_words(&tokens)?;
    Ok(with_header_aliases(with_plain_names(tokens)))
}

/// Makes plain names of words that would be functions without brackets, like `user`, and of INTERVAL where no span
/// follows: fields are called so.
fn with_plain_names(mut tokens: Vec<TokenWithSpan>) -> Vec<TokenWithSpan> {
    for at in 0..tokens.len() {
        let next = tokens.get(at + 1).map(|next| next.token.clone());
        let Token::Word(word) = &mut tokens[at].token else { continue };
        let is_name = match word.keyword {
            Keyword::USER | Keyword::CURRENT_USER | Keyword::SESSION_USER => next != Some(Token::LParen),
            Keyword::INTERVAL => !matches!(next, Some(Token::SingleQuotedString(_) | Token::Number(..))),
            _ => false,
        };
        if is_name && word.quote_style.is_none() && !is_type(&tokens, at) {
            let Token::Word(word) = &mut tokens[at].token else { continue };
            word.keyword = Keyword::NoKeyword;
        }
    }
    tokens
}

/// Whether a word is the type of a cast.
fn is_type(tokens: &[TokenWithSpan], at: usize) -> bool {
    let before = at.checked_sub(1).map(|before| &tokens[before]);
    is_word(before, "as") || matches!(before, Some(TokenWithSpan { token: Token::DoubleColon, .. }))
}

/// An open bracket, or the whole query.
#[derive(Clone, Copy, Default)]
struct Level {
    /// Operators since the last comma.
    operators: usize,
    /// The depth of the deepest bracket since then.
    inside: usize,
    /// The deepest of what came before.
    deepest: usize,
}

impl Level {
    fn depth(self) -> usize {
        self.deepest.max(self.operators + self.inside)
    }
}

/// An estimate of the depth of the tree, never too small: each operator is a level, and each bracket.
fn check_depth(tokens: &[TokenWithSpan]) -> Result<(), QueryError> {
    let mut levels = vec![Level::default()];
    for token in tokens {
        let last = levels.len() - 1;
        match &token.token {
            Token::LParen | Token::LBracket => levels.push(Level { operators: 1, ..Level::default() }),
            Token::RParen | Token::RBracket if last > 0 => {
                let depth = levels[last].depth();
                levels.pop();
                levels[last - 1].inside = levels[last - 1].inside.max(depth);
            }
            Token::Comma | Token::SemiColon => {
                levels[last] = Level { deepest: levels[last].depth(), ..Level::default() };
            }
            Token::Word(Word { keyword: Keyword::NoKeyword, .. })
            | Token::Number(..)
            | Token::SingleQuotedString(_)
            | Token::Period => {}
            _ => levels[last].operators += 1,
        }
        let depth: usize = levels.iter().map(|level| level.depth()).sum();
        if depth > MAX_DEPTH {
            let message = format!("the expression has more than {MAX_DEPTH} operators beside and inside one another");
            let help = "write x IN (...) in place of x = ... OR x = ..., or part it into several stages";
            return Err(QueryError::new(place(token.span.start), message).help(help));
        }
    }
    Ok(())
}

fn is_word(token: Option<&TokenWithSpan>, text: &str) -> bool {
    matches!(token, Some(TokenWithSpan { token: Token::Word(word), .. })
        if word.quote_style.is_none() && word.value.eq_ignore_ascii_case(text))
}

/// What other dialects have, and the parser has no word for or would take for something else.
fn check_words(tokens: &[TokenWithSpan]) -> Result<(), QueryError> {
    for (at, token) in tokens.iter().enumerate() {
        let here = place(token.span.start);
        let next = tokens.get(at + 1);
        if is_word(Some(token), "emit") && (is_word(next, "changes") || is_word(next, "final")) {
            let help = "leave EMIT out: a query here runs on every record as it comes";
            return Err(QueryError::new(here, "EMIT belongs to aggregates, which are not available").help(help));
        }
        if is_word(Some(token), "window") && ["tumbling", "hopping", "session"].iter().any(|kind| is_word(next, kind)) {
            return Err(QueryError::new(here, "windows need state, which is not available").help(crate::refuse::STATE));
        }
        if is_word(Some(token), "grace") && is_word(next, "period")
            || ["tumble", "hop", "session"].iter().any(|kind| is_word(Some(token), kind))
                && is_word(at.checked_sub(1).map(|before| &tokens[before]), "from")
                && matches!(next, Some(TokenWithSpan { token: Token::LParen, .. }))
        {
            return Err(QueryError::new(here, "windows need state, which is not available").help(crate::refuse::STATE));
        }
        if matches!(token.token, Token::DoubleEq | Token::ExclamationMark) {
            return Err(crate::refuse::operator(&token.token.to_string(), here));
        }
        if token.token == Token::Char('`') {
            return Err(
                QueryError::new(here, "names have no backquotes").help("write a name in double quotes: \"name\"")
            );
        }
        let starts = at == 0 || matches!(tokens[at - 1].token, Token::SemiColon);
        if starts && is_word(Some(token), "create") {
            let help = "write the SELECT alone: topics are declared as input and outputs of the pipeline, and \
                        INSERT INTO output SELECT ... names one";
            return Err(QueryError::new(here, "CREATE is not available").help(help));
        }
        if is_word(Some(token), "partition") && is_word(next, "by") && !is_word(tokens.get(at.wrapping_sub(2)), "over")
        {
            let help = "set the key in the SELECT: customer_id AS __key";
            return Err(QueryError::new(here, "PARTITION BY is not available").help(help));
        }
    }
    Ok(())
}

/// Joins `AS __headers['h']` to one alias, which an alias cannot be written as otherwise.
fn with_header_aliases(tokens: Vec<TokenWithSpan>) -> Vec<TokenWithSpan> {
    let mut joined = Vec::with_capacity(tokens.len());
    let mut at = 0;
    while at < tokens.len() {
        if let [as_token, name, open, header, close, ..] = &tokens[at..]
            && let (true, true, Token::LBracket, Token::SingleQuotedString(header), Token::RBracket) =
                (is_word(Some(as_token), "as"), is_word(Some(name), HEADERS), &open.token, &header.token, &close.token)
        {
            let alias =
                Word { value: format!("{HEADERS}['{header}']"), quote_style: Some('"'), keyword: Keyword::NoKeyword };
            joined.push(as_token.clone());
            joined.push(TokenWithSpan { token: Token::Word(alias), span: name.span });
            at += 5;
        } else {
            joined.push(tokens[at].clone());
            at += 1;
        }
    }
    joined
}

/// The name of the headers.
pub(crate) const HEADERS: &str = "__headers";

/// The header that an alias of [`read`] sets.
pub(crate) fn header_of(alias: &str) -> Option<&str> {
    alias.strip_prefix(HEADERS)?.strip_prefix("['")?.strip_suffix("']")
}

//! One statement: what it selects from each record, and where that goes.

use json_scan::escape;
use sqlparser::ast::{
    Expr, Function, Ident, Insert, Query as SqlQuery, Select, SelectItem, SelectItemQualifiedWildcardKind, SetExpr,
    Spanned, Statement as SqlStatement, TableObject, WildcardAdditionalOptions,
};

use crate::columns::Columns;
use crate::compile::{Context, Names, at, expression, shown};
use crate::error::{Place, QueryError};
use crate::from;
use crate::input::Needs;
use crate::program::Program;
use crate::refuse;
use crate::tokens::{header_of, place};
use crate::warning::Warnings;

/// The most results of a statement.
pub(crate) const MAX_ITEMS: usize = 1000;

/// A statement that has been compiled.
#[derive(Debug, Default)]
pub(crate) struct Statement {
    /// The output that INSERT INTO names.
    pub output: Option<String>,
    /// Where that name stands.
    pub place: Place,
    /// The array that FROM unfolds.
    pub from: Option<Program>,
    /// The arrays that are unfolded side by side among the results: elements 1 and on.
    pub unfolded: Vec<Program>,
    pub filter: Option<Program>,
    pub items: Vec<Item>,
    pub key: Option<Program>,
    pub timestamp: Option<Program>,
    pub headers: Vec<(String, Program)>,
    /// Whether each row is an object of its own, also where it copies all fields.
    pub is_table: bool,
}

/// A part of the result.
#[derive(Debug)]
pub(crate) enum Item {
    /// A field.
    Field(Named),
    /// All fields of the record, or of the element that FROM unfolds, but for some.
    All(All),
}

/// `*` or `x.*`
#[derive(Debug)]
pub(crate) struct All {
    pub of_element: bool,
    pub without: Vec<String>,
    pub replaced: Vec<Named>,
    /// What becomes of the fields that the query names, by their numbers; of all others, they are copied.
    roles: Vec<Role>,
}

/// What becomes of a field where all are copied.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Role {
    Copied,
    Gone,
    /// By this one of those that replace.
    Replaced(usize),
}

/// A field and what it holds.
#[derive(Debug)]
pub(crate) struct Named {
    pub name: String,
    /// The name as a key of JSON, with its colon.
    pub key: Vec<u8>,
    pub program: Program,
}

impl Named {
    pub(crate) fn new(name: &str, program: Program) -> Named {
        let mut key = Vec::new();
        escape(name, &mut key);
        key.push(b':');
        Named { name: name.to_owned(), key, program }
    }
}

impl Statement {
    /// Whether the value goes on as it came.
    pub fn keeps_value(&self) -> bool {
        !self.is_table
            && matches!(self.items.as_slice(),
            [Item::All(all)] if !all.of_element && all.without.is_empty() && all.replaced.is_empty())
    }

    /// Lets results take the places of fields that are called as they are.
    pub fn replace(&mut self, names: &[String], context: &mut Context<'_>) {
        for item in &mut self.items {
            let Item::All(all) = item else { continue };
            all.without.extend_from_slice(names);
            if !all.of_element {
                all.find_roles(context.columns);
            }
        }
        context.needs.value |= self.copies_fields();
    }

    /// Whether the fields of the record are copied.
    pub fn copies_fields(&self) -> bool {
        !self.keeps_value() && self.items.iter().any(|item| matches!(item, Item::All(all) if !all.of_element))
    }
}

impl All {
    /// What becomes of a field of the record, by the number of its name.
    #[inline]
    pub fn role(&self, name: u32) -> Role {
        self.roles.get(name as usize).copied().unwrap_or(Role::Copied)
    }

    fn find_roles(&mut self, columns: &mut Columns) {
        let replaced = self.replaced.iter().enumerate().map(|(at, named)| (&named.name, Role::Replaced(at)));
        for (name, role) in replaced.chain(self.without.iter().map(|name| (name, Role::Gone))) {
            let number = columns.name(name);
            if self.roles.len() <= number {
                self.roles.resize(number + 1, Role::Copied);
            }
            self.roles[number] = role;
        }
    }
}

/// Compiles a statement.
pub(crate) fn compile(
    statement: &SqlStatement,
    columns: &mut Columns,
    needs: &mut Needs,
    warnings: &mut Warnings,
) -> Result<Statement, QueryError> {
    match statement {
        SqlStatement::Query(query) => match &*query.body {
            SetExpr::Insert(statement) => compile(statement, columns, needs, warnings),
            _ => select(query, None, columns, needs, warnings),
        },
        SqlStatement::Insert(insert) => {
            let (name, query) = target(insert)?;
            select(query, Some(name), columns, needs, warnings)
        }
        other => Err(QueryError::new(place(other.span().start), "there are only SELECT and INSERT INTO ... SELECT")
            .help("write SELECT ... FROM input WHERE ...")),
    }
}

/// The output that an INSERT names, and its query.
fn target(insert: &Insert) -> Result<(&Ident, &SqlQuery), QueryError> {
    let here = place(insert.insert_token.0.span.start);
    let TableObject::TableName(name) = &insert.table else {
        return Err(QueryError::new(here, "INSERT INTO names an output of the pipeline"));
    };
    let ([part], Some(query)) = (name.0.as_slice(), &insert.source) else {
        return Err(QueryError::new(here, "INSERT INTO names one output and has a SELECT"));
    };
    let Some(name) = part.as_ident() else {
        return Err(QueryError::new(here, "INSERT INTO names an output of the pipeline"));
    };
    if !insert.columns.is_empty() || insert.on.is_some() || insert.returning.is_some() || insert.overwrite {
        let error = QueryError::new(here, "a list of columns, ON CONFLICT and RETURNING are not available");
        return Err(error.help("write INSERT INTO output SELECT a AS x, ... FROM input"));
    }
    Ok((name, query))
}

fn select(
    query: &SqlQuery,
    output: Option<&Ident>,
    columns: &mut Columns,
    needs: &mut Needs,
    warnings: &mut Warnings,
) -> Result<Statement, QueryError> {
    let select = refuse::select(query)?;
    let from = from::read(select)?;
    from.only_input()?;
    let mut statement = Statement {
        output: output.map(|name| name.value.clone()),
        place: output.map(|name| place(name.span.start)).unwrap_or_default(),
        ..Statement::default()
    };
    let names = Names { table: &from.names, element: None };
    let mut context = Context { names, columns, needs, warnings, grouping: None };
    if let Some((array, name)) = &from.unfolded {
        statement.from = Some(expression(array, &mut context)?.0);
        context.names.element = Some(name);
    }
    if let Some(filter) = &select.selection {
        statement.filter = Some(condition(filter, &mut context)?);
    }
    items(select, &mut statement, &mut context)?;
    Ok(statement)
}

pub(crate) fn condition(filter: &Expr, context: &mut Context<'_>) -> Result<Program, QueryError> {
    let (program, operand) = expression(filter, context)?;
    match operand.kind {
        None | Some(crate::Kind::Bool) => Ok(program),
        Some(kind) => Err(QueryError::new(at(filter), format!("WHERE needs a boolean, and this is {}", kind.name()))
            .help("compare it with something, or cast it: x::boolean")),
    }
}

fn items(select: &Select, statement: &mut Statement, context: &mut Context<'_>) -> Result<(), QueryError> {
    if select.projection.len() > MAX_ITEMS {
        return Err(QueryError::new(place(select.span().start), format!("there are more than {MAX_ITEMS} results")));
    }
    let mut names: Vec<String> = Vec::new();
    for item in &select.projection {
        match item {
            SelectItem::Wildcard(options) => statement.items.push(all(options, false, context)?),
            SelectItem::QualifiedWildcard(kind, options) => {
                let of_element = qualified(kind, options, context)?;
                statement.items.push(all(options, of_element, context)?);
            }
            SelectItem::UnnamedExpr(expr) => {
                let name = name_of(expr).ok_or_else(|| {
                    QueryError::new(at(expr), format!("`{}` needs a name", shown(expr)))
                        .help("write it with AS: ... AS name")
                })?;
                result(expr, &name, at(expr), statement, &mut names, context)?;
            }
            SelectItem::ExprWithAlias { expr, alias } => {
                result(expr, &alias.value, place(alias.span.start), statement, &mut names, context)?;
            }
            SelectItem::ExprWithAliases { expr, .. } => {
                return Err(QueryError::new(at(expr), "a result has one name"));
            }
        }
    }
    if statement.items.is_empty() {
        let error = QueryError::new(place(select.select_token.0.span.start), "no result makes the value");
        return Err(error.help("add * to keep the value as it is"));
    }
    statement.replace(&names, context);
    Ok(())
}

/// A result and where it goes: into the value, or into what is beside it.
fn result(
    expr: &Expr,
    name: &str,
    here: Place,
    statement: &mut Statement,
    names: &mut Vec<String>,
    context: &mut Context<'_>,
) -> Result<(), QueryError> {
    let twice = || {
        QueryError::new(here, format!("two results are called {name}")).help("give one of them another name with AS")
    };
    if name.starts_with("__") {
        let program = expression(expr, context)?.0;
        let old = match (name, header_of(name)) {
            ("__key", _) => statement.key.replace(program),
            ("__timestamp", _) => statement.timestamp.replace(program),
            (_, Some(header)) => {
                context.needs.headers = true;
                let old = statement.headers.iter().position(|(other, _)| other == header);
                statement.headers.push((header.to_owned(), program));
                old.map(|_| Program::default())
            }
            _ => {
                let help =
                    "__key, __timestamp and __headers['name'] can be set; other names of fields have no __ in front";
                return Err(QueryError::new(here, format!("{name} cannot be set")).help(help));
            }
        };
        return old.map_or(Ok(()), |_| Err(twice()));
    }
    if names.iter().any(|other| other == name) {
        return Err(twice());
    }
    let program = match unfolded(expr) {
        Some(function) => {
            let arguments = crate::compile::arguments(function, expr)?;
            let [array] = arguments.as_slice() else {
                return Err(QueryError::new(at(expr), "UNNEST takes one array"));
            };
            statement.unfolded.push(expression(array, context)?.0);
            Program::element(statement.unfolded.len())
        }
        None => expression(expr, context)?.0,
    };
    names.push(name.to_owned());
    statement.items.push(Item::Field(Named::new(name, program)));
    Ok(())
}

/// The call of UNNEST that a result is.
fn unfolded(expr: &Expr) -> Option<&Function> {
    let Expr::Function(function) = expr else { return None };
    from::is_unnest(&function.name).then_some(function)
}

/// `*`, with EXCEPT and REPLACE.
pub(crate) fn all(
    options: &WildcardAdditionalOptions,
    of_element: bool,
    context: &mut Context<'_>,
) -> Result<Item, QueryError> {
    let here = place(options.wildcard_token.0.span.start);
    if options.opt_ilike.is_some()
        || options.opt_exclude.is_some()
        || options.opt_rename.is_some()
        || options.opt_alias.is_some()
    {
        return Err(QueryError::new(here, "* has only EXCEPT and REPLACE here").help("write * EXCEPT (a, b)"));
    }
    let mut without = Vec::new();
    if let Some(except) = &options.opt_except {
        without.push(except.first_element.value.clone());
        without.extend(except.additional_elements.iter().map(|name| name.value.clone()));
    }
    without.iter().for_each(|name| context.warnings.name(name));
    let mut replaced = Vec::new();
    for element in options.opt_replace.iter().flat_map(|replace| &replace.items) {
        let name = &element.column_name;
        if replaced.iter().any(|other: &Named| other.name == name.value) || without.contains(&name.value) {
            return Err(QueryError::new(place(name.span.start), format!("{} is named twice after *", name.value)));
        }
        context.warnings.name(&name.value);
        replaced.push(Named::new(&name.value, expression(&element.expr, context)?.0));
    }
    Ok(Item::All(All { of_element, without, replaced, roles: Vec::new() }))
}

/// Whether `x.*` means the element that FROM unfolds.
pub(crate) fn qualified(
    kind: &SelectItemQualifiedWildcardKind,
    options: &WildcardAdditionalOptions,
    context: &Context<'_>,
) -> Result<bool, QueryError> {
    let name = match kind {
        SelectItemQualifiedWildcardKind::ObjectName(name) => name.to_string(),
        SelectItemQualifiedWildcardKind::Expr(expr) => shown(expr),
    };
    if context.names.element == Some(name.as_str()) {
        return Ok(true);
    }
    if context.names.table.contains(&name) {
        return Ok(false);
    }
    let error = QueryError::new(place(options.wildcard_token.0.span.start), format!("there is no {name} before .*"));
    Err(error.help("write * for the record; an object in it is named without .*, and goes over whole"))
}

/// The name that a result has without AS.
pub(crate) fn name_of(expr: &Expr) -> Option<String> {
    match expr {
        Expr::Identifier(name) => Some(name.value.clone()).filter(|name| !name.starts_with("__")),
        Expr::CompoundIdentifier(names) => names.last().map(|name| name.value.clone()),
        Expr::CompoundFieldAccess { access_chain, .. } => match crate::compile::key_of(access_chain.last()?) {
            Some(crate::program::Key::Name(name)) => Some(name),
            _ => None,
        },
        Expr::Nested(inner) => name_of(inner),
        Expr::Function(function) => function.name.0.last()?.as_ident().map(|name| name.value.to_lowercase()),
        Expr::Cast { expr, .. } => name_of(expr),
        Expr::Case { .. } => Some("case".into()),
        _ => None,
    }
}

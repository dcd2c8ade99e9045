//! `docs/database.md`: the tables of every service, from the scripts in `sql/` that create them.

use std::path::Path;

use anyhow::{Context, Result};

use crate::project::{self, Project};

const INTRODUCTION: &str = "\
<!-- Written by `cargo xtask generate` from the scripts in sql/. -->
# Databases

Each service has a database of its own; nobody else reads it. The scripts in `sql/<service>/` create it, each once, in
the order of their numbers, when the service first answers. `kit` stands for the tables that every service has.
";

/// Words that begin a constraint of a table, and no column.
const CONSTRAINTS: [&str; 5] = ["primary", "foreign", "unique", "check", "constraint"];

/// A table as a script creates it.
#[derive(Default, Debug, PartialEq)]
struct Table {
    name: String,
    about: String,
    columns: Vec<Column>,
    constraints: Vec<String>,
}

#[derive(Debug, PartialEq)]
struct Column {
    name: String,
    definition: String,
    about: String,
}

/// The page: a chapter for each service, a section for each table.
pub fn page(project: &Project) -> Result<String> {
    let mut text = INTRODUCTION.to_owned();
    for folder in project::read_dir(&project.path("sql"))? {
        let service =
            folder.file_name().and_then(|name| name.to_str()).context("sql/ holds a folder per service")?;
        text.push_str(&format!("\n## {service}\n"));
        for script in project::read_dir(&folder)? {
            text.push_str(&chapter(&script)?);
        }
    }
    Ok(text)
}

fn chapter(script: &Path) -> Result<String> {
    let sql = project::read(script)?;
    let name = script.file_name().and_then(|name| name.to_str()).context("a script has a name")?;
    let heading =
        sql.lines().take_while(|line| line.starts_with("--")).map(uncommented).collect::<Vec<_>>().join(" ");
    let mut text = format!("\n`{name}`: {heading}\n");
    for table in tables(&sql) {
        text.push_str(&section(&table));
    }
    Ok(text)
}

fn section(table: &Table) -> String {
    let mut text = format!("\n### {}\n", table.name);
    if !table.about.is_empty() {
        text.push_str(&format!("\n{}\n", table.about));
    }
    text.push_str("\n| column | definition | |\n| --- | --- | --- |\n");
    for column in &table.columns {
        text.push_str(&format!(
            "| {} | `{}` | {} |\n",
            column.name,
            cell(&column.definition),
            cell(&column.about)
        ));
    }
    if !table.constraints.is_empty() {
        text.push('\n');
    }
    for constraint in &table.constraints {
        text.push_str(&format!("- `{constraint}`\n"));
    }
    text
}

fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}

/// The tables of a script, with the comments above them and beside their columns.
fn tables(sql: &str) -> Vec<Table> {
    let mut found = Vec::new();
    let mut comment = Vec::new();
    let mut lines = sql.lines();
    while let Some(line) = lines.next() {
        if line.starts_with("--") {
            comment.push(uncommented(line));
            continue;
        }
        if let Some(name) = created(line) {
            let inside: Vec<_> = line.contains('(').then(|| after_parenthesis(line)).into_iter().collect();
            let body = inside.into_iter().chain(lines.by_ref().take_while(|line| !line.starts_with(')')));
            found.push(table(name, comment.join(" "), &body.collect::<Vec<_>>()));
        }
        comment.clear();
    }
    found
}

/// What stands behind the parenthesis that opens a table, which for a short virtual table is all of it.
fn after_parenthesis(line: &str) -> &str {
    line.split_once('(').map_or("", |(_, rest)| rest.trim_end_matches([')', ';', ' ']))
}

/// The name in `CREATE [VIRTUAL] TABLE [IF NOT EXISTS] name`.
fn created(line: &str) -> Option<String> {
    let words: Vec<_> = line.split_whitespace().map(str::to_ascii_lowercase).collect();
    let table = words.iter().position(|word| word == "table")?;
    let before = words[..table].iter().all(|word| ["create", "virtual"].contains(&word.as_str()));
    let skipped = |word: &&String| ["if", "not", "exists"].contains(&word.as_str());
    let name = words[table + 1..].iter().find(|word| !skipped(word))?;
    (before && words[0] == "create").then(|| name.split('(').next().unwrap_or(name).to_owned())
}

fn table(name: String, about: String, body: &[&str]) -> Table {
    let mut table = Table { name, about, ..Table::default() };
    let (mut pending, mut remarks, mut depth) = (String::new(), Vec::new(), 0_i32);
    for line in body {
        let (code, remark) = line.split_once("--").map_or((*line, None), |(code, text)| (code, Some(text)));
        remarks.extend(remark.map(|text| text.trim().to_owned()));
        for letter in code.chars() {
            depth += i32::from(letter == '(') - i32::from(letter == ')');
            if letter == ',' && depth == 0 {
                let complete = std::mem::take(&mut pending);
                // A remark behind the comma belongs to what is before it, one on a line of its own to what follows.
                table.add(&complete, &std::mem::take(&mut remarks).join(" "));
            } else {
                pending.push(letter);
            }
        }
        pending.push(' ');
    }
    table.add(&pending, &remarks.join(" "));
    table
}

impl Table {
    fn add(&mut self, definition: &str, about: &str) {
        let words: Vec<_> = definition.split_whitespace().collect();
        let Some((name, rest)) = words.split_first() else { return };
        let first = name.split('(').next().unwrap_or(name).to_ascii_lowercase();
        if CONSTRAINTS.contains(&first.as_str()) {
            self.constraints.push(words.join(" "));
        } else {
            self.columns.push(Column {
                name: (*name).to_owned(),
                definition: rest.join(" "),
                about: about.to_owned(),
            });
        }
    }
}

fn uncommented(line: &str) -> &str {
    line.trim_start_matches('-').trim()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCRIPT: &str = "\
-- Accounts.

-- People who can sign in.
CREATE TABLE account (
  id TEXT PRIMARY KEY,
  -- Lower case.
  email TEXT NOT NULL CHECK (length(email) BETWEEN 3 AND 254),
  role TEXT NOT NULL, -- customer, merchant or admin
  UNIQUE (email, role)
) STRICT;
CREATE INDEX account_by_email ON account (email);
CREATE VIRTUAL TABLE account_search USING fts5 (name, city);
";

    #[test]
    fn tables_have_their_comments_columns_and_constraints() {
        let tables = tables(SCRIPT);
        assert_eq!(tables.iter().map(|t| t.name.as_str()).collect::<Vec<_>>(), ["account", "account_search"]);
        assert_eq!(tables[0].about, "People who can sign in.");
        assert_eq!(tables[0].constraints, ["UNIQUE (email, role)"]);
        let columns: Vec<_> = tables[0].columns.iter().map(|c| (c.name.as_str(), c.about.as_str())).collect();
        assert_eq!(columns, [("id", ""), ("email", "Lower case."), ("role", "customer, merchant or admin")]);
        assert_eq!(tables[0].columns[1].definition, "TEXT NOT NULL CHECK (length(email) BETWEEN 3 AND 254)");
    }

    #[test]
    fn every_table_of_every_service_is_on_the_page() {
        let project = Project::find().unwrap();
        let page = page(&project).unwrap();
        let scripts = project::read_dir(&project.path("sql")).unwrap();
        let scripts = scripts.iter().flat_map(|folder| project::read_dir(folder).unwrap());
        let sql: String = scripts.map(|script| project::read(&script).unwrap()).collect();
        let lines = sql.lines().map(str::to_lowercase);
        let created = lines.filter(|line| line.starts_with("create ") && line.contains(" table ")).count();
        assert!(created > 3 && page.matches("\n### ").count() == created, "{created} tables\n{page}");
    }

    #[test]
    fn a_virtual_table_on_one_line_has_its_columns() {
        let columns: Vec<_> =
            tables(SCRIPT).remove(1).columns.into_iter().map(|column| column.name).collect();
        assert_eq!(columns, ["name", "city"]);
    }
}

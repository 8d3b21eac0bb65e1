//! Owns PostgreSQL's extended protocol: prepared statements, with parameters and results as text.
//!
//! A call is Bind, Execute and Sync in one write. libpq, and so pgbench, also sends a Describe, whose answer a client
//! that has prepared the statement does not need.
//!
//! Must never send parameters in two different ways.

use std::path::Path;

use anyhow::{Result, bail};

use super::stream::Stream;

/// A prepared statement of one connection.
#[derive(Clone, Copy, Debug)]
pub struct Statement(u16);

/// A session.
#[derive(Debug)]
pub struct Connection {
    stream: Stream,
    process: i32,
    statements: u16,
    /// The first row of the last answer, as the server sent it.
    row: Vec<u8>,
}

/// The answer to a statement.
#[derive(Clone, Copy, Debug)]
pub struct Answer<'a> {
    /// The number of rows.
    pub rows: usize,
    /// The number of rows that were written or returned.
    pub affected: u64,
    row: &'a [u8],
}

impl<'a> Answer<'a> {
    /// A column of the first row; None when it is NULL or there is no row.
    pub fn column(&self, index: usize) -> Option<&'a [u8]> {
        let mut rest = self.row.get(2..)?;
        for at in 0.. {
            let (length, after) = rest.split_first_chunk()?;
            let value = usize::try_from(i32::from_be_bytes(*length)).ok().map(|length| &after[..length]);
            if at == index {
                return value;
            }
            rest = &after[value.map_or(0, <[u8]>::len)..];
        }
        None
    }
}

impl Connection {
    /// A session of the user `postgres` in `database`, through the socket at `path`, without authentication.
    ///
    /// # Errors
    /// When the server refuses it.
    pub fn open(path: &Path, database: &str) -> Result<Self> {
        let mut connection = Self { stream: Stream::open(path)?, process: 0, statements: 0, row: Vec::new() };
        let mut body = 196_608_i32.to_be_bytes().to_vec();
        for word in ["user", "postgres", "database", database, "application_name", "cache_pg_bench"] {
            body.extend_from_slice(word.as_bytes());
            body.push(0);
        }
        body.push(0);
        connection.stream.output.extend_from_slice(&(body.len() as i32 + 4).to_be_bytes());
        connection.stream.output.extend_from_slice(&body);
        connection.stream.send()?;
        connection.answer()?;
        Ok(connection)
    }

    /// The server process of this session.
    pub fn process(&self) -> i32 {
        self.process
    }

    /// Runs statements without parameters, and ignores their results.
    ///
    /// # Errors
    /// When one fails.
    pub fn run(&mut self, sql: &str) -> Result<()> {
        self.message(b'Q', |body| text(body, sql));
        self.stream.send()?;
        self.answer().map(drop)
    }

    /// Prepares a statement.
    ///
    /// # Errors
    /// When the server rejects it.
    pub fn prepare(&mut self, sql: &str) -> Result<Statement> {
        let statement = Statement(self.statements);
        self.statements += 1;
        self.message(b'P', |body| {
            text(body, &format!("s{}", statement.0));
            text(body, sql);
            body.extend_from_slice(&[0, 0]);
        });
        self.message(b'S', |_| ());
        self.stream.send()?;
        self.answer()?;
        Ok(statement)
    }

    /// Runs a prepared statement and reads its whole answer.
    ///
    /// # Errors
    /// When it fails.
    pub fn call(&mut self, statement: Statement, parameters: &[&str]) -> Result<Answer<'_>> {
        self.message(b'B', |body| {
            body.push(0);
            text(body, &format!("s{}", statement.0));
            body.extend_from_slice(&[0, 0]);
            body.extend_from_slice(&(parameters.len() as u16).to_be_bytes());
            for parameter in parameters {
                body.extend_from_slice(&(parameter.len() as i32).to_be_bytes());
                body.extend_from_slice(parameter.as_bytes());
            }
            body.extend_from_slice(&[0, 0]);
        });
        self.message(b'E', |body| body.extend_from_slice(&[0; 5]));
        self.message(b'S', |_| ());
        self.stream.send()?;
        self.answer()
    }

    /// The same for a statement that returns at most one row: puts the column with this number into `value`; false
    /// where it is NULL, or there is no row.
    ///
    /// # Errors
    /// When it fails.
    pub fn read(
        &mut self,
        statement: Statement,
        parameters: &[&str],
        column: usize,
        value: &mut Vec<u8>,
    ) -> Result<bool> {
        let answer = self.call(statement, parameters)?;
        let found = answer.column(column);
        value.clear();
        value.extend_from_slice(found.unwrap_or_default());
        Ok(found.is_some())
    }

    fn message(&mut self, kind: u8, fill: impl FnOnce(&mut Vec<u8>)) {
        let output = &mut self.stream.output;
        output.push(kind);
        let start = output.len();
        output.extend_from_slice(&[0; 4]);
        fill(output);
        let length = (output.len() - start) as i32;
        output[start..start + 4].copy_from_slice(&length.to_be_bytes());
    }

    /// Reads everything up to ReadyForQuery.
    fn answer(&mut self) -> Result<Answer<'_>> {
        let (mut rows, mut affected, mut failure) = (0, 0, None);
        self.row.clear();
        loop {
            let head = self.stream.take(5)?;
            let (kind, length) = (head[0], i32::from_be_bytes([head[1], head[2], head[3], head[4]]));
            let body = self.stream.take(usize::try_from(length - 4)?)?;
            match kind {
                b'D' => {
                    if rows == 0 {
                        self.row.extend_from_slice(body);
                    }
                    rows += 1;
                }
                b'C' => affected = number_at_end(body),
                b'E' => failure = Some(readable(body)),
                b'K' => self.process = i32::from_be_bytes([body[0], body[1], body[2], body[3]]),
                b'R' if body != [0; 4] => bail!("the server asks for a password"),
                b'Z' => break,
                _ => {}
            }
        }
        match failure {
            Some(message) => bail!("{message}"),
            None => Ok(Answer { rows, affected, row: &self.row }),
        }
    }
}

fn text(body: &mut Vec<u8>, text: &str) {
    body.extend_from_slice(text.as_bytes());
    body.push(0);
}

/// The count at the end of a command tag such as `INSERT 0 1`.
fn number_at_end(tag: &[u8]) -> u64 {
    let tag = tag.strip_suffix(&[0]).unwrap_or(tag);
    let digits = tag.iter().rev().take_while(|byte| byte.is_ascii_digit()).count();
    tag[tag.len() - digits..].iter().fold(0, |number, digit| number * 10 + u64::from(digit - b'0'))
}

/// The message of an ErrorResponse.
fn readable(body: &[u8]) -> String {
    let fields = body.split(|&byte| byte == 0).filter_map(<[u8]>::split_first);
    let wanted = fields.filter(|(kind, _)| b"CMD".contains(kind));
    wanted.map(|(_, text)| String::from_utf8_lossy(text)).collect::<Vec<_>>().join(": ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_found_behind_nulls() {
        let row = [&[0, 3][..], &[0, 0, 0, 1, b'a'], &[255; 4], &[0, 0, 0, 2, b'b', b'c']].concat();
        let answer = Answer { rows: 1, affected: 1, row: &row };
        assert_eq!(answer.column(0), Some(&b"a"[..]));
        assert_eq!(answer.column(1), None);
        assert_eq!(answer.column(2), Some(&b"bc"[..]));
        assert_eq!(answer.column(3), None);
        assert_eq!(Answer { rows: 0, affected: 0, row: &[] }.column(0), None);
    }

    #[test]
    fn a_tag_ends_with_how_many_rows() {
        assert_eq!(number_at_end(b"INSERT 0 100\0"), 100);
        assert_eq!(number_at_end(b"BEGIN\0"), 0);
    }
}

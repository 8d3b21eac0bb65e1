//! Owns the protocol of Redis, RESP2.
//!
//! Must never wait for an answer before the whole pipeline is sent.

use std::{io::Write, path::Path};

use anyhow::{Context, Result, bail};

use super::stream::Stream;

/// A connection to Redis.
#[derive(Debug)]
pub struct Connection {
    stream: Stream,
}

/// An answer without its text, which the caller's buffer holds.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Answer {
    /// A number, or the length of an array.
    Number(i64),
    /// A text.
    Text,
    /// Nothing is there.
    Nil,
}

impl Connection {
    /// Connects to the socket at `path`.
    ///
    /// # Errors
    /// When no server listens there.
    pub fn open(path: &Path) -> Result<Self> {
        Ok(Self { stream: Stream::open(path)? })
    }

    /// Queues a command behind those that were not sent yet.
    pub fn queue(&mut self, words: &[&str]) {
        let output = &mut self.stream.output;
        // Writing to a Vec does not fail.
        let _ = write!(output, "*{}\r\n", words.len());
        for word in words {
            let _ = write!(output, "${}\r\n{word}\r\n", word.len());
        }
    }

    /// Sends the queue.
    ///
    /// # Errors
    /// When the server is gone.
    pub fn send(&mut self) -> Result<()> {
        self.stream.send()
    }

    /// Sends one command and reads its answer; a text goes to `value`.
    ///
    /// # Errors
    /// When the server is gone or returns an error.
    pub fn call(&mut self, words: &[&str], value: &mut Vec<u8>) -> Result<Answer> {
        self.queue(words);
        self.send()?;
        self.answer(value)
    }

    /// Reads the next answer; a text goes to `value`. The elements of an array are the next answers.
    ///
    /// # Errors
    /// When the server is gone or returns an error.
    pub fn answer(&mut self, value: &mut Vec<u8>) -> Result<Answer> {
        value.clear();
        let line = self.stream.line()?;
        let (kind, rest) = line.split_first().context("an empty line is no answer")?;
        match kind {
            b'+' => {
                value.extend_from_slice(rest);
                Ok(Answer::Text)
            }
            b':' | b'*' => Ok(Answer::Number(number(rest)?)),
            b'$' => match usize::try_from(number(rest)?) {
                Err(_) => Ok(Answer::Nil),
                Ok(length) => {
                    value.extend_from_slice(&self.stream.take(length + 2)?[..length]);
                    Ok(Answer::Text)
                }
            },
            _ => bail!("Redis says: {}", String::from_utf8_lossy(rest)),
        }
    }
}

fn number(text: &[u8]) -> Result<i64> {
    Ok(std::str::from_utf8(text)?.parse()?)
}

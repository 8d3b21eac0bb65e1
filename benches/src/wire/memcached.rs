//! Owns the text protocol of memcached.
//!
//! Must never wait for an answer before the whole pipeline is sent.

use std::{io::Write, path::Path};

use anyhow::{Context, Result, bail};

use super::stream::Stream;

/// A connection to memcached.
#[derive(Debug)]
pub struct Connection {
    stream: Stream,
}

impl Connection {
    /// Connects to the socket at `path`.
    ///
    /// # Errors
    /// When no server listens there.
    pub fn open(path: &Path) -> Result<Self> {
        Ok(Self { stream: Stream::open(path)? })
    }

    /// Reads keys and returns how many exist; the last one's value goes to `value`.
    ///
    /// # Errors
    /// When the server is gone, or its answer is malformed.
    pub fn get<'a>(&mut self, keys: impl IntoIterator<Item = &'a str>, value: &mut Vec<u8>) -> Result<usize> {
        self.stream.output.extend_from_slice(b"get");
        for key in keys {
            self.stream.output.push(b' ');
            self.stream.output.extend_from_slice(key.as_bytes());
        }
        self.stream.output.extend_from_slice(b"\r\n");
        self.stream.send()?;
        let mut found = 0;
        loop {
            let line = self.stream.line()?;
            if line == b"END" {
                return Ok(found);
            }
            if !line.starts_with(b"VALUE ") {
                bail!("memcached says: {}", String::from_utf8_lossy(line));
            }
            let length = line.rsplit(|&byte| byte == b' ').next().unwrap_or_default();
            let length: usize = std::str::from_utf8(length)?.parse().context("a length")?;
            value.clear();
            value.extend_from_slice(&self.stream.take(length + 2)?[..length]);
            found += 1;
        }
    }

    /// Queues a `set` behind those that were not sent yet.
    pub fn queue_set(&mut self, key: &str, seconds: u32, value: &str) {
        // Writing to a Vec does not fail.
        let _ = write!(self.stream.output, "set {key} 0 {seconds} {}\r\n{value}\r\n", value.len());
    }

    /// Sends the queue.
    ///
    /// # Errors
    /// When the server is gone.
    pub fn send(&mut self) -> Result<()> {
        self.stream.send()
    }

    /// Sends a command whose answer is one line.
    ///
    /// # Errors
    /// When the server is gone.
    pub fn call(&mut self, command: &str) -> Result<&[u8]> {
        self.stream.output.extend_from_slice(command.as_bytes());
        self.stream.output.extend_from_slice(b"\r\n");
        self.stream.send()?;
        self.stream.line()
    }

    /// Reads an answer of one line, which must be `wanted`.
    ///
    /// # Errors
    /// When it is another one, or the server is gone.
    pub fn expect(&mut self, wanted: &[u8]) -> Result<()> {
        let line = self.stream.line()?;
        if line != wanted {
            bail!("memcached says: {}", String::from_utf8_lossy(line));
        }
        Ok(())
    }
}

//! Owns a socket with a buffer in each direction.
//!
//! Must never write before [`Stream::send`], nor read more often than necessary.

use std::io::{Read, Write};
use std::{os::unix::net::UnixStream, path::Path};

use anyhow::{Context, Result, bail};

/// Large enough for most answers in one read.
const CHUNK: usize = 64 * 1024;

/// A connection.
#[derive(Debug)]
pub struct Stream {
    socket: UnixStream,
    /// The bytes to send: the protocol fills it, and [`Stream::send`] sends and empties it.
    pub output: Vec<u8>,
    input: Vec<u8>,
    /// Where the unread part of `input` begins.
    start: usize,
    /// Where it ends.
    end: usize,
}

impl Stream {
    /// Connects to the socket at `path`.
    ///
    /// # Errors
    /// When no server listens there.
    pub fn open(path: &Path) -> Result<Self> {
        let socket = UnixStream::connect(path).with_context(|| format!("cannot connect to {}", path.display()))?;
        Ok(Self { socket, output: Vec::with_capacity(CHUNK), input: vec![0; CHUNK], start: 0, end: 0 })
    }

    /// Sends `output`.
    ///
    /// # Errors
    /// When the server is gone.
    pub fn send(&mut self) -> Result<()> {
        self.socket.write_all(&self.output)?;
        self.output.clear();
        Ok(())
    }

    /// Reads the next `length` bytes, and waits for them.
    ///
    /// # Errors
    /// When the server is gone.
    pub fn take(&mut self, length: usize) -> Result<&[u8]> {
        while self.end - self.start < length {
            self.read_more(length)?;
        }
        let start = self.start;
        self.start += length;
        Ok(&self.input[start..self.start])
    }

    /// Reads the next line, and waits for it; returns it without its `\r\n`.
    ///
    /// # Errors
    /// When the server is gone.
    pub fn line(&mut self) -> Result<&[u8]> {
        let mut seen = 0;
        loop {
            let unseen = &self.input[self.start + seen..self.end];
            if let Some(at) = unseen.windows(2).position(|pair| pair == b"\r\n") {
                let length = seen + at;
                return Ok(&self.take(length + 2)?[..length]);
            }
            // The `\r` may have arrived before the `\n`.
            seen = (self.end - self.start).saturating_sub(1);
            self.read_more(0)?;
        }
    }

    fn read_more(&mut self, wanted: usize) -> Result<()> {
        if self.start == self.end {
            (self.start, self.end) = (0, 0);
        } else if self.start + wanted > self.input.len() || self.end == self.input.len() {
            self.input.copy_within(self.start..self.end, 0);
            (self.start, self.end) = (0, self.end - self.start);
        }
        if self.end + CHUNK / 4 > self.input.len() || wanted > self.input.len() {
            self.input.resize(self.input.len().max(wanted) + CHUNK, 0);
        }
        match self.socket.read(&mut self.input[self.end..])? {
            0 => bail!("the server has closed the connection"),
            read => self.end += read,
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_and_lengths_come_out_whole_however_they_come_in() {
        let (ours, mut theirs) = UnixStream::pair().unwrap();
        let mut stream = Stream { socket: ours, output: Vec::new(), input: vec![0; 8], start: 0, end: 0 };
        let sender = std::thread::spawn(move || {
            for piece in ["on", "e\r", "\ntwo\r\n", "0123456789", "abc\r\n"] {
                theirs.write_all(piece.as_bytes()).unwrap();
                std::thread::yield_now();
            }
        });
        assert_eq!(stream.line().unwrap(), b"one");
        assert_eq!(stream.line().unwrap(), b"two");
        assert_eq!(stream.take(10).unwrap(), b"0123456789");
        assert_eq!(stream.line().unwrap(), b"abc");
        sender.join().unwrap();
        assert!(stream.line().unwrap_err().to_string().contains("closed"));
    }
}

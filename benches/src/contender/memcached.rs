//! Owns memcached. A read of many keys is one `get`; a write of many is a pipeline of `set`s, because there is no such
//! request.
//!
//! Must never use a pipeline for an operation on one key.

use anyhow::{Result, bail};

use super::session::{Contender, Session, Ttl};
use crate::{operation::Operation, servers::Daemon, wire::memcached::Connection};

/// memcached.
#[derive(Debug)]
pub struct Memcached(Daemon);

impl Memcached {
    /// The contender on this server, which it alone uses.
    pub fn new(server: Daemon) -> Self {
        Self(server)
    }
}

struct Commands {
    connection: Connection,
    process: i32,
    scratch: Vec<u8>,
}

impl Contender for Memcached {
    fn name(&self) -> &'static str {
        "memcached"
    }

    fn offers(&self, _: Operation) -> bool {
        true
    }

    /// A server has one space only, so the old one goes.
    fn create(&self, _: &str) -> Result<()> {
        Connection::open(&self.0.socket())?.call("flush_all").map(drop)
    }

    fn remove(&self, space: &str) -> Result<()> {
        self.create(space)
    }

    fn settle(&self, _: &str) -> Result<()> {
        Ok(())
    }

    fn connect(&self, _: &str) -> Result<Box<dyn Session>> {
        let connection = Connection::open(&self.0.socket())?;
        Ok(Box::new(Commands { connection, process: self.0.process(), scratch: Vec::new() }))
    }
}

impl Session for Commands {
    fn get(&mut self, key: &str, value: &mut Vec<u8>) -> Result<bool> {
        Ok(self.connection.get([key], value)? > 0)
    }

    fn get_many(&mut self, keys: &[String]) -> Result<usize> {
        self.connection.get(keys.iter().map(String::as_str), &mut self.scratch)
    }

    fn set(&mut self, key: &str, value: &str, ttl: Ttl) -> Result<()> {
        self.connection.queue_set(key, ttl.seconds, value);
        self.connection.send()?;
        self.connection.expect(b"STORED")
    }

    fn set_many(&mut self, keys: &[String], values: &[&str], ttl: Ttl) -> Result<()> {
        for (key, value) in keys.iter().zip(values) {
            self.connection.queue_set(key, ttl.seconds, value);
        }
        self.connection.send()?;
        keys.iter().try_for_each(|_| self.connection.expect(b"STORED"))
    }

    fn delete(&mut self, key: &str) -> Result<()> {
        self.connection.call(&format!("delete {key}")).map(drop)
    }

    fn incr(&mut self, key: &str) -> Result<()> {
        let answer = self.connection.call(&format!("incr {key} 1"))?;
        if !answer.first().is_some_and(u8::is_ascii_digit) {
            bail!("memcached says: {}", String::from_utf8_lossy(answer));
        }
        Ok(())
    }

    fn process(&self) -> i32 {
        self.process
    }
}

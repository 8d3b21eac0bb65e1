//! Owns Redis. A write of many keys with a deadline is a pipeline of SETs, because MSET has no deadline.
//!
//! Must never use a pipeline for an operation on one key.

use anyhow::Result;

use super::session::{Contender, Session, Ttl};
use crate::wire::resp::{Answer, Connection};
use crate::{operation::Operation, servers::Daemon};

/// Redis.
#[derive(Debug)]
pub struct Redis {
    name: &'static str,
    server: Daemon,
}

impl Redis {
    /// The contender on this server, which it alone uses.
    pub fn new(name: &'static str, server: Daemon) -> Self {
        Self { name, server }
    }
}

struct Commands {
    connection: Connection,
    process: i32,
    scratch: Vec<u8>,
}

impl Contender for Redis {
    fn name(&self) -> &'static str {
        self.name
    }

    fn offers(&self, _: Operation) -> bool {
        true
    }

    /// A server has one space only, so the old one goes.
    fn create(&self, _: &str) -> Result<()> {
        Connection::open(&self.server.socket())?.call(&["FLUSHALL", "SYNC"], &mut Vec::new()).map(drop)
    }

    fn remove(&self, space: &str) -> Result<()> {
        self.create(space)
    }

    fn settle(&self, _: &str) -> Result<()> {
        Ok(())
    }

    fn connect(&self, _: &str) -> Result<Box<dyn Session>> {
        let connection = Connection::open(&self.server.socket())?;
        Ok(Box::new(Commands { connection, process: self.server.process(), scratch: Vec::new() }))
    }
}

impl Session for Commands {
    fn get(&mut self, key: &str, value: &mut Vec<u8>) -> Result<bool> {
        Ok(self.connection.call(&["GET", key], value)? != Answer::Nil)
    }

    fn get_many(&mut self, keys: &[String]) -> Result<usize> {
        let words: Vec<_> = std::iter::once("MGET").chain(keys.iter().map(String::as_str)).collect();
        self.connection.call(&words, &mut self.scratch)?;
        let mut found = 0;
        for _ in keys {
            found += usize::from(self.connection.answer(&mut self.scratch)? != Answer::Nil);
        }
        Ok(found)
    }

    fn set(&mut self, key: &str, value: &str, ttl: Ttl) -> Result<()> {
        let seconds = ttl.seconds.to_string();
        self.connection.call(&["SET", key, value, "EX", &seconds], &mut self.scratch).map(drop)
    }

    fn set_many(&mut self, keys: &[String], values: &[&str], ttl: Ttl) -> Result<()> {
        let seconds = ttl.seconds.to_string();
        for (key, value) in keys.iter().zip(values) {
            self.connection.queue(&["SET", key, value, "EX", &seconds]);
        }
        self.connection.send()?;
        for _ in keys {
            self.connection.answer(&mut self.scratch)?;
        }
        Ok(())
    }

    fn delete(&mut self, key: &str) -> Result<()> {
        self.connection.call(&["DEL", key], &mut self.scratch).map(drop)
    }

    fn incr(&mut self, key: &str) -> Result<()> {
        self.connection.call(&["INCR", key], &mut self.scratch).map(drop)
    }

    fn process(&self) -> i32 {
        self.process
    }
}

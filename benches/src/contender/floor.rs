//! Owns the floor: a prepared statement that returns its parameter. No request over SQL can be faster.
//!
//! Must never read a table.

use anyhow::{Result, bail};

use super::session::{Session, Ttl};
use super::{names, sql::Sql};
use crate::operation::Operation;
use crate::wire::postgres::{Connection, Statement};

/// The floor.
#[derive(Debug)]
pub struct Floor;

struct Echo {
    connection: Connection,
    statement: Statement,
}

impl Sql for Floor {
    fn name(&self) -> &'static str {
        names::FLOOR
    }

    fn offers(&self, operation: Operation) -> bool {
        operation == Operation::GetHit
    }

    fn schema(&self) -> String {
        String::new()
    }

    fn table(&self) -> Option<&'static str> {
        None
    }

    fn session(&self, mut connection: Connection) -> Result<Box<dyn Session>> {
        let statement = connection.prepare("SELECT $1::text")?;
        Ok(Box::new(Echo { connection, statement }))
    }
}

impl Session for Echo {
    fn get(&mut self, key: &str, value: &mut Vec<u8>) -> Result<bool> {
        self.connection.read(self.statement, &[key], 0, value)
    }

    fn get_many(&mut self, _: &[String]) -> Result<usize> {
        bail!("the floor does not support this request")
    }

    fn set(&mut self, _: &str, _: &str, _: Ttl) -> Result<()> {
        bail!("the floor does not support this request")
    }

    fn set_many(&mut self, _: &[String], _: &[&str], _: Ttl) -> Result<()> {
        bail!("the floor does not support this request")
    }

    fn fill(&mut self, _: &[String], _: &[&str], _: Ttl) -> Result<()> {
        Ok(())
    }

    fn delete(&mut self, _: &str) -> Result<()> {
        bail!("the floor does not support this request")
    }

    fn incr(&mut self, _: &str) -> Result<()> {
        bail!("the floor does not support this request")
    }

    fn process(&self) -> i32 {
        self.connection.process()
    }
}

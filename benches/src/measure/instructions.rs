//! Owns the number of instructions that a server process executes for one request, from its arrival to its answer,
//! without those of the kernel.
//!
//! Must never count the work that a session does only once: it compares two sessions that differ in the number of
//! requests.

use std::sync::Arc;

use anyhow::Result;
use xtask::postgres::Installation;

use crate::contender::{self, Contender, Session, Ttl};
use crate::keys::{self, Distribution, Keys};
use crate::servers::{LeftOut, postgres::Postgres};
use crate::{operation::Operation, plan::Plan, random::Random, servers::callgrind, values::Values};

const SPACE: &str = "instructions";

/// The number of keys.
const KEYS: u64 = 1000;

/// The number of requests that either session sends first, so that plans are made and relations open.
const WARM_UP: u64 = 50;

/// The counts of one contender.
#[derive(Clone, Debug)]
pub struct Instructions {
    /// The contender.
    pub contender: &'static str,
    /// For a read of an existing key.
    pub get: u64,
    /// For a set of an existing key; None where there is no such request.
    pub set: Option<u64>,
}

/// Counts, if valgrind is installed.
///
/// # Errors
/// When the server does not start, or a request fails.
pub fn measure(
    installation: &Installation,
    plan: &Plan,
    say: &dyn Fn(&str),
) -> Result<Result<Vec<Instructions>, LeftOut>> {
    let postgres = match callgrind::start(installation)? {
        Ok(postgres) => Arc::new(postgres),
        Err(left_out) => return Ok(Err(left_out)),
    };
    let values = Values::new(plan.main_setting().value);
    let mut counted = Vec::new();
    for contender in contender::instructive(&postgres) {
        say(&format!("counting the instructions of {}", contender.name()));
        drop(super::filled(contender.as_ref(), SPACE, KEYS, &values)?);
        let count = |operation| count(&postgres, contender.as_ref(), operation, &values, plan.instructions);
        let sets = contender.offers(Operation::SetExisting);
        counted.push(Instructions {
            contender: contender.name(),
            get: count(Operation::GetHit)?,
            set: if sets { Some(count(Operation::SetExisting)?) } else { None },
        });
    }
    Ok(Ok(counted))
}

fn count(
    postgres: &Postgres,
    contender: &dyn Contender,
    operation: Operation,
    values: &Values,
    requests: u64,
) -> Result<u64> {
    let executed = |requests: u64| -> Result<u64> {
        let mut session = contender.connect(SPACE)?;
        ask(session.as_mut(), operation, values, requests)?;
        let process = session.process();
        drop(session);
        callgrind::executed(postgres, process)
    };
    // The first session after a change of the catalog builds what later sessions find.
    executed(1)?;
    let (few, many) = (executed(WARM_UP)?, executed(WARM_UP + requests)?);
    Ok(many.saturating_sub(few) / requests.max(1))
}

fn ask(session: &mut dyn Session, operation: Operation, values: &Values, requests: u64) -> Result<()> {
    let keys = Keys::new(KEYS, Distribution::Uniform);
    let mut random = Random::new(1);
    let (mut key, mut value) = (String::new(), Vec::new());
    for _ in 0..requests {
        keys::spell(keys.next(&mut random), &mut key);
        if operation == Operation::GetHit {
            session.get(&key, &mut value)?;
        } else {
            session.set(&key, values.next(&mut random), Ttl::DAY)?;
        }
    }
    Ok(())
}

//! Owns the size of a run: numbers of keys, rounds and times, in one table.
//!
//! Must never decide how something is measured: every form measures in the same way, only with more or fewer keys,
//! rounds and settings.

use std::time::Duration;

use crate::{keys::Distribution, operation::Operation};

/// The sizes of a run.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Its name.
    pub name: &'static str,
    /// The most shared buffers of PostgreSQL, in megabytes.
    pub buffers: u64,
    /// How many turns each contender gets.
    pub rounds: usize,
    /// How long a turn is.
    pub turn: Duration,
    /// How long the turn of a single client is, which sends fewer requests in the same time.
    pub turn_alone: Duration,
    /// The numbers of clients, each with the operations that are measured with it.
    pub clients: Vec<(usize, Vec<Operation>)>,
    /// The settings; only the first, that of the main tables, is measured with more than [`Plan::VARIED`].
    pub settings: Vec<Setting>,
    /// The number of keys for counting WAL, HOT updates and growth.
    pub counted: u64,
    /// The number of requests whose instructions are counted; 0: none, because that takes minutes.
    pub instructions: u64,
    /// The number of expired rows in a sweep.
    pub swept: u64,
    /// The number of keys while reads during a sweep are measured.
    pub watched: u64,
    /// How long reads during the sweeping of the workers are measured.
    pub watch: Duration,
    /// The sizes of the cache, in entries, at which the cost of a read is measured.
    pub growth: Vec<u64>,
}

/// What is stored, and which keys are requested.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Setting {
    /// How many keys.
    pub keys: u64,
    /// How long a value is, in bytes.
    pub value: usize,
    /// How often each key is requested.
    pub distribution: Distribution,
}

impl Setting {
    /// In words.
    pub fn described(&self) -> String {
        let distribution = match self.distribution {
            Distribution::Uniform => "uniform",
            Distribution::Zipf => "Zipf",
        };
        format!("{} keys, {} bytes, {distribution}", grouped(self.keys), grouped(self.value as u64))
    }
}

/// A number of clients, in words.
pub fn clients(number: usize) -> String {
    format!("{number} client{}", if number == 1 { "" } else { "s" })
}

/// A number with separators between thousands.
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

impl Plan {
    /// The operations in every setting but the first.
    pub const VARIED: [Operation; 3] = [Operation::GetHit, Operation::SetExisting, Operation::Mixed];

    /// The number of clients in every setting but the first.
    pub const VARIED_CLIENTS: usize = 4;

    /// All measurements, in less than an hour.
    pub fn full() -> Self {
        let base = Setting { keys: 100_000, value: 120, distribution: Distribution::Uniform };
        Self {
            name: "full",
            buffers: 8192,
            rounds: 7,
            turn: Duration::from_millis(300),
            turn_alone: Duration::from_millis(600),
            clients: [1, 4, 16].map(|clients| (clients, Operation::ALL.to_vec())).to_vec(),
            settings: vec![
                base,
                Setting { distribution: Distribution::Zipf, ..base },
                Setting { keys: 1_000_000, ..base },
                Setting { keys: 1_000_000, distribution: Distribution::Zipf, ..base },
                Setting { value: 2_048, ..base },
                // As many bytes as 100,000 keys of 2 KB: a dozen contenders must fit on a disk.
                Setting { keys: 10_000, value: 20_480, ..base },
            ],
            counted: 20_000,
            instructions: 500,
            swept: 1_000_000,
            watched: 100_000,
            watch: Duration::from_secs(60),
            growth: vec![10_000, 100_000, 1_000_000, 10_000_000],
        }
    }

    /// Whether this is the full form.
    pub fn is_full(&self) -> bool {
        self.name == "full"
    }

    /// The same in less than five minutes.
    pub fn quick() -> Self {
        let base = Setting { keys: 100_000, value: 120, distribution: Distribution::Uniform };
        let few = vec![Operation::GetHit, Operation::GetMany, Operation::SetExisting];
        Self {
            name: "quick",
            buffers: 2048,
            rounds: 5,
            turn: Duration::from_millis(60),
            turn_alone: Duration::from_millis(300),
            clients: vec![(1, few.clone()), (4, Operation::ALL.to_vec()), (16, few)],
            settings: vec![
                base,
                Setting { distribution: Distribution::Zipf, ..base },
                Setting { keys: 10_000, value: 2_048, ..base },
            ],
            counted: 5_000,
            instructions: 0,
            swept: 200_000,
            watched: 20_000,
            watch: Duration::from_secs(12),
            growth: vec![10_000, 100_000, 1_000_000],
        }
    }

    /// Each measurement once, in seconds, so that the tests see that all of them work.
    pub fn smoke() -> Self {
        let base = Setting { keys: 200, value: 120, distribution: Distribution::Uniform };
        Self {
            name: "smoke",
            buffers: 128,
            rounds: 1,
            turn: Duration::from_millis(5),
            turn_alone: Duration::from_millis(5),
            clients: vec![
                (1, vec![Operation::GetHit, Operation::GetMany, Operation::SetExisting]),
                (2, Operation::ALL.to_vec()),
            ],
            settings: vec![base, Setting { value: 2_048, distribution: Distribution::Zipf, ..base }],
            counted: 200,
            instructions: 0,
            swept: 500,
            watched: 200,
            watch: Duration::from_millis(500),
            growth: vec![100, 1_000],
        }
    }

    /// The setting of the main tables.
    pub fn main_setting(&self) -> Setting {
        self.settings[0]
    }

    /// How long a turn of `clients` clients is.
    pub fn turn_of(&self, clients: usize) -> Duration {
        if clients == 1 { self.turn_alone } else { self.turn }
    }

    /// The highest number of clients.
    pub fn most_clients(&self) -> usize {
        self.clients.iter().map(|(clients, _)| *clients).max().unwrap_or(1)
    }
}

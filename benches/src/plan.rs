//! How large a run is: sizes, rounds and times, in one table.
//!
//! Must never decide how something is measured: every form measures in the same way, only with more or fewer keys,
//! rounds and variations.

use std::time::Duration;

use crate::keys::Distribution;
use crate::operation::Operation;

/// The sizes of a run.
#[derive(Clone, Debug)]
pub struct Plan {
    /// What it is called.
    pub name: &'static str,
    /// Memory of PostgreSQL's shared buffers, in megabytes at most.
    pub buffers: u64,
    /// How often each contender gets its turn.
    pub rounds: usize,
    /// How long a turn is,
    pub turn: Duration,
    /// and that of a single client, who asks for less in the same time.
    pub turn_alone: Duration,
    /// The numbers of clients, each with the operations that are measured with so many.
    pub clients: Vec<(usize, Vec<Operation>)>,
    /// What is measured besides, for [`Plan::VARIED`] only: the first is that of the main tables.
    pub settings: Vec<Setting>,
    /// With how many keys WAL, HOT updates and growth are counted.
    pub counted: u64,
    /// Over how many requests instructions are counted; 0: not at all, because that takes minutes.
    pub instructions: u64,
    /// How many expired rows a sweep finds.
    pub swept: u64,
    /// How many keys are there while the sweeping is watched.
    pub watched: u64,
    /// How long reads are watched while the workers sweep.
    pub watch: Duration,
    /// The numbers of entries over which the cost of a read is followed.
    pub growth: Vec<u64>,
}

/// What is stored and how it is asked for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Setting {
    /// How many keys.
    pub keys: u64,
    /// How long a value is, in bytes.
    pub value: usize,
    /// Which keys are asked for.
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

/// So many clients, in words.
pub fn clients(number: usize) -> String {
    format!("{number} client{}", if number == 1 { "" } else { "s" })
}

/// A number with its thousands apart.
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
    /// The operations and numbers of clients of every setting but the first.
    pub const VARIED: [Operation; 3] = [Operation::GetHit, Operation::SetExisting, Operation::Mixed];

    /// How many clients ask in every setting but the first.
    pub const VARIED_CLIENTS: usize = 4;

    /// Everything, in less than an hour.
    pub fn full() -> Self {
        let base = Setting { keys: 100_000, value: 120, distribution: Distribution::Uniform };
        Self {
            name: "full",
            buffers: 4096,
            rounds: 9,
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
            counted: 100_000,
            instructions: 500,
            swept: 1_000_000,
            watched: 100_000,
            watch: Duration::from_secs(60),
            growth: vec![10_000, 100_000, 1_000_000, 10_000_000],
        }
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

    /// Everything once, in some seconds: so that the test suite sees that all of it works.
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

    /// How long a turn of so many clients is.
    pub fn turn_of(&self, clients: usize) -> Duration {
        if clients == 1 { self.turn_alone } else { self.turn }
    }

    /// The most clients that ask at once.
    pub fn most_clients(&self) -> usize {
        self.clients.iter().map(|(clients, _)| *clients).max().unwrap_or(1)
    }
}

//! Saving the memory of reads every few minutes, for a crash.
//!
//! Owns when it is saved, and how far a save has got. The launcher takes a step in each of its rounds: first through
//! the memory, to find out whether anything has changed since the last save, then through it again, to write it. A step
//! takes a millisecond or two, besides what the disk takes. A standby has no launcher, so it saves only when it stops.
//! Must never keep the launcher from its other work.

use super::recency_file::{FILE, begin, chunk};
use crate::pg::Steady;
use crate::settings;
use crate::shared::kept::Writer;
use std::{io, mem};

/// The saves of one launcher.
pub struct Saver {
    /// When the last save began, or this launcher.
    began_at: Steady,
    /// The checksum of the memory before the last save.
    saved: Option<u32>,
    stage: Stage,
    /// Whether the log already says that it could not be saved.
    is_failing: bool,
}

/// How far a save has got, by the number of the next byte.
enum Stage {
    Waiting,
    Looking(usize, crc32fast::Hasher),
    Writing(usize, Writer, u32),
}

impl Saver {
    /// Nothing is saved at once: the memory has just been read, or is empty.
    pub fn new() -> Self {
        Self { began_at: Steady::now(), saved: None, stage: Stage::Waiting, is_failing: false }
    }

    /// Goes on if it is time; returns when to go on.
    pub fn step(&mut self, now: Steady) -> Steady {
        if matches!(self.stage, Stage::Waiting) {
            let due = settings::recency_save_interval().map_or(Steady::NEVER, |interval| self.began_at.after(interval));
            if now < due {
                return due;
            }
            self.began_at = now;
            self.stage = Stage::Looking(0, crc32fast::Hasher::new());
        }
        if let Err(why) = self.advance()
            && !mem::replace(&mut self.is_failing, true)
        {
            FILE.log_unwritten(&why);
        }
        now
    }

    fn advance(&mut self) -> io::Result<()> {
        self.stage = match mem::replace(&mut self.stage, Stage::Waiting) {
            Stage::Waiting => Stage::Waiting,
            Stage::Looking(at, mut sum) => {
                let chunk = chunk(at);
                sum.update(&chunk);
                if !chunk.is_empty() {
                    Stage::Looking(at + chunk.len(), sum)
                } else {
                    let sum = sum.finalize();
                    if at == 0 || self.saved == Some(sum) { Stage::Waiting } else { Stage::Writing(0, begin()?, sum) }
                }
            }
            Stage::Writing(at, mut file, sum) => {
                let chunk = chunk(at);
                if chunk.is_empty() {
                    file.finish()?;
                    self.saved = Some(sum);
                    self.is_failing = false;
                    Stage::Waiting
                } else {
                    file.write(&chunk)?;
                    file.flush()?;
                    Stage::Writing(at + chunk.len(), file, sum)
                }
            }
        };
        Ok(())
    }
}

//! Owns what a policy is to the simulator. Must never know one.

/// A cache that stores what it does not have.
pub trait Policy {
    /// Asks for a key below the number of keys that the policy was made for; whether it was there.
    fn request(&mut self, key: u32, weight: u32) -> bool;
}

/// Makes a policy that holds `limit` for a trace of so many keys.
pub type Make = fn(limit: u64, keys: usize) -> Box<dyn Policy>;

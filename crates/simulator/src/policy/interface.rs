//! Owns the interface of a policy to the simulator. Must never know a policy.

/// A cache that stores every requested key that it does not hold.
pub trait Policy {
    /// Requests a key below the number of keys that the policy was made for; returns whether it was a hit.
    fn request(&mut self, key: u32, weight: u32) -> bool;
}

/// Makes a policy with this `limit` for a trace of `keys` keys.
pub type Make = fn(limit: u64, keys: usize) -> Box<dyn Policy>;

//! Owns the interface of a rule of foreseen demand to the simulator. Must never know a rule.

/// A rule that says when keys should be loaded before they are asked for. It sees loads, never hits.
///
/// Minutes are those since the midnight at which a trace begins, a Monday in the generated ones.
pub trait Rule {
    /// A read missed a key, which was loaded.
    fn missed(&mut self, key: u32, minute: u32);
    /// The value that was loaded as foreseen at `loaded` has expired or was renewed: `read` says whether it was read.
    fn ended(&mut self, key: u32, loaded: u32, read: bool);
    /// Adds the keys to load at this minute. Called for each minute in turn.
    fn due(&mut self, minute: u32, keys: &mut Vec<u32>);
    /// Bytes of shared memory.
    fn bytes(&self) -> usize;
}
/// Makes a rule for a trace whose keys belong to these namespaces and live for `ttl` minutes.
pub type Make = fn(ttl: u32, namespaces: &[u8]) -> Box<dyn Rule>;

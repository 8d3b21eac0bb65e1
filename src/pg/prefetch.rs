//! Prefetching: asking for memory before it is read.
//!
//! A random place in shared memory is a hundred nanoseconds away. Code that knows early where it will read asks for it
//! early, and code that reads many places asks for those of a group at once, so that it does not wait for one after the
//! other ("group prefetching": S. Chen, A. Ailamaki, P. Gibbons, T. Mowry, "Improving Hash Join Performance through
//! Prefetching", ICDE 2004). Owns how the processor is asked. Must never change what is read.

/// How many places are asked for at once. Their lines fit into the caches of one core.
pub const GROUP: usize = 16;

/// The size of a line of the processor's cache, in bytes.
pub const LINE: usize = 64;

/// Asks for the line of the processor's cache that has this address. On other processors than x86-64 it does nothing.
pub fn prefetch<T>(address: *const T) {
    #[cfg(target_arch = "x86_64")]
    {
        use core::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        // SAFETY: advice to the processor, which no address can make fail.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(address.cast()) };
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = address;
}

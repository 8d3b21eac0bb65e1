//! Arrays in shared memory whose length a setting decides.
//!
//! Owns the hooks that reserve and attach such arrays: the postmaster requests the memory when the settings are known,
//! and every process inherits the address. Memory of a fixed size uses pgrx's own statics. Must never be asked to
//! reserve after the libraries were loaded.

use pgrx::pg_sys::submodules::ffi::pg_guard_ffi_boundary;
use pgrx::prelude::*;
use std::cell::{Cell, RefCell};
use std::ffi::CStr;
use std::sync::atomic::{AtomicPtr, AtomicUsize, Ordering};

/// A type that may lie in shared memory.
///
/// # Safety
/// All-zero bytes are a valid value, it holds no pointers, and processes may share it.
pub unsafe trait Shareable: Sync + 'static {}

/// An array in shared memory. It is empty until the postmaster has attached it, and filled with zeroes then.
pub struct SharedArray<T: Shareable> {
    name: &'static CStr,
    length: fn() -> usize,
    start: AtomicPtr<T>,
    count: AtomicUsize,
}

impl<T: Shareable> SharedArray<T> {
    /// `length` is called once, after the configuration was read. Each array has a name of its own.
    pub const fn new(name: &'static CStr, length: fn() -> usize) -> Self {
        Self { name, length, start: AtomicPtr::new(std::ptr::null_mut()), count: AtomicUsize::new(0) }
    }

    /// Whether the array exists: the library was preloaded.
    pub fn is_attached(&self) -> bool {
        !self.start.load(Ordering::Relaxed).is_null()
    }

    /// The elements; none if the array is not attached.
    pub fn all(&self) -> &'static [T] {
        let start = self.start.load(Ordering::Relaxed);
        if start.is_null() {
            return &[];
        }
        // SAFETY: shared memory of this many elements, which exists as long as the process; T may be shared.
        unsafe { std::slice::from_raw_parts(start, self.count.load(Ordering::Relaxed)) }
    }
}

/// The steps of the hooks for one array.
trait Part {
    fn request(&self);
    fn attach(&self);
}

impl<T: Shareable> Part for SharedArray<T> {
    fn request(&self) {
        let length = (self.length)();
        self.count.store(length, Ordering::Relaxed);
        // SAFETY: called from the hook for such requests.
        unsafe { pg_sys::RequestAddinShmemSpace(length * size_of::<T>()) };
    }

    fn attach(&self) {
        let bytes = self.count.load(Ordering::Relaxed) * size_of::<T>();
        let mut found = false;
        // SAFETY: called from the hook for this. The memory is as long as requested and aligned to a cache line, and
        // zeroes are a valid value of every element.
        unsafe {
            let start = pg_sys::ShmemInitStruct(self.name.as_ptr(), bytes, &mut found).cast::<u8>();
            if !found {
                start.write_bytes(0, bytes);
            }
            self.start.store(start.cast(), Ordering::Relaxed);
        }
    }
}

type Hook = Option<unsafe extern "C-unwind" fn()>;

thread_local! {
    static PARTS: RefCell<Vec<&'static dyn Part>> = const { RefCell::new(Vec::new()) };
    /// The functions to call once all arrays are attached.
    static WHEN_ATTACHED: RefCell<Vec<fn()>> = const { RefCell::new(Vec::new()) };
    static PREVIOUS: Cell<(Hook, Hook)> = const { Cell::new((None, None)) };
}

/// Reserves an array. Called by the postmaster while it loads libraries.
pub fn reserve<T: Shareable>(array: &'static SharedArray<T>) {
    let is_first = PARTS.with_borrow_mut(|parts| {
        parts.push(array);
        parts.len() == 1
    });
    if is_first {
        // SAFETY: chains the hooks, while the postmaster loads libraries.
        unsafe {
            PREVIOUS.set((pg_sys::shmem_request_hook, pg_sys::shmem_startup_hook));
            pg_sys::shmem_request_hook = Some(on_request);
            pg_sys::shmem_startup_hook = Some(on_startup);
        }
    }
}

/// Calls `work` whenever the shared memory is new: at the start, and after a crash that the postmaster survives.
pub fn when_attached(work: fn()) {
    WHEN_ATTACHED.with_borrow_mut(|all| all.push(work));
}

#[pg_guard]
unsafe extern "C-unwind" fn on_request() {
    call(PREVIOUS.get().0);
    PARTS.with_borrow(|parts| parts.iter().for_each(|part| part.request()));
}

#[pg_guard]
unsafe extern "C-unwind" fn on_startup() {
    call(PREVIOUS.get().1);
    PARTS.with_borrow(|parts| parts.iter().for_each(|part| part.attach()));
    WHEN_ATTACHED.with_borrow(|all| all.iter().for_each(|work| work()));
}

fn call(hook: Hook) {
    if let Some(hook) = hook {
        // SAFETY: a hook that was set before ours, called as PostgreSQL calls it.
        unsafe { pg_guard_ffi_boundary(|| hook()) };
    }
}

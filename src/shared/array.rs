//! Arrays in shared memory whose length a setting decides.
//!
//! What has a fixed size uses pgrx's own statics. Owns the hooks for the rest: the postmaster asks for the memory when
//! the settings are known, and every process inherits where it is. Must never be asked for after libraries were loaded.

use pgrx::pg_sys::submodules::ffi::pg_guard_ffi_boundary;
use pgrx::prelude::*;
use std::cell::{Cell, RefCell};
use std::ffi::CStr;
use std::sync::atomic::{AtomicPtr, AtomicUsize, Ordering};

/// What may lie in shared memory.
///
/// # Safety
/// Zeroes are a value of it, it holds no pointers, and processes may share it.
pub unsafe trait Shareable: Sync + 'static {}

/// An array in shared memory, empty until the postmaster has attached it; zeroes at first.
pub struct SharedArray<T: Shareable> {
    name: &'static CStr,
    length: fn() -> usize,
    start: AtomicPtr<T>,
    count: AtomicUsize,
}

impl<T: Shareable> SharedArray<T> {
    /// `length` is asked once, after the configuration was read. The name must be used once.
    pub const fn new(name: &'static CStr, length: fn() -> usize) -> Self {
        Self { name, length, start: AtomicPtr::new(std::ptr::null_mut()), count: AtomicUsize::new(0) }
    }

    /// Whether it is there: the library was preloaded.
    pub fn is_attached(&self) -> bool {
        !self.start.load(Ordering::Relaxed).is_null()
    }

    /// The elements; none where it is not attached.
    pub fn all(&self) -> &'static [T] {
        let start = self.start.load(Ordering::Relaxed);
        if start.is_null() {
            return &[];
        }
        // SAFETY: shared memory of this many elements, which stays for as long as the process; T is made to be shared.
        unsafe { std::slice::from_raw_parts(start, self.count.load(Ordering::Relaxed)) }
    }
}

/// What the hooks do for an array.
trait Part {
    fn request(&self);
    fn attach(&self);
}

impl<T: Shareable> Part for SharedArray<T> {
    fn request(&self) {
        let length = (self.length)();
        self.count.store(length, Ordering::Relaxed);
        // SAFETY: called by the hook that is for this.
        unsafe { pg_sys::RequestAddinShmemSpace(length * size_of::<T>()) };
    }

    fn attach(&self) {
        let bytes = self.count.load(Ordering::Relaxed) * size_of::<T>();
        let mut found = false;
        // SAFETY: called by the hook that is for this; the memory is as long as asked for, aligned to a cache line, and
        // zeroes are a value of every element.
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
    /// What is called once all arrays are attached.
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

/// Has `work` done whenever the shared memory is new: at the start, and after a crash that the postmaster survives.
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
        // SAFETY: a hook that was set before ours, called as PostgreSQL would.
        unsafe { pg_guard_ffi_boundary(|| hook()) };
    }
}

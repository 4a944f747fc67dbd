//! An allocator that counts, for the thread that asks.
#![expect(
    unsafe_code,
    reason = "an allocator is unsafe to write; this one only counts and passes on"
)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

/// The system's allocator, counted. To be declared in a bench as its `#[global_allocator]`.
pub struct CountingAllocator;

/// What a piece of work took from the allocator.
#[derive(Copy, Clone, Debug, Default, Eq, PartialEq)]
pub struct Allocations {
    /// New ones, and ones that were made larger or smaller.
    pub count: u64,
    pub bytes: u64,
}

thread_local! {
    static TAKEN: Cell<Allocations> = const { Cell::new(Allocations { count: 0, bytes: 0 }) };
}

/// What `work` takes, on this thread.
pub fn allocations<T>(work: impl FnOnce() -> T) -> (T, Allocations) {
    let before = TAKEN.get();
    let result = work();
    let after = TAKEN.get();
    let taken =
        Allocations { count: after.count - before.count, bytes: after.bytes - before.bytes };
    (result, taken)
}

fn count(bytes: usize) {
    // The last moments of a thread count nothing.
    let _gone = TAKEN.try_with(|taken| {
        let before = taken.get();
        taken.set(Allocations { count: before.count + 1, bytes: before.bytes + bytes as u64 });
    });
}

// SAFETY: every call is passed on to the system's allocator as it came.
unsafe impl GlobalAlloc for CountingAllocator {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size());
        // SAFETY: the caller keeps the contract.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count(layout.size());
        // SAFETY: the caller keeps the contract.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, bytes: usize) -> *mut u8 {
        count(bytes);
        // SAFETY: the caller keeps the contract.
        unsafe { System.realloc(pointer, layout, bytes) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller keeps the contract.
        unsafe { System.dealloc(pointer, layout) }
    }
}

//! The measurements are the `[[bench]]` targets beside this folder.

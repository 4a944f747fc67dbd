//! A scene.
#[derive(Debug)]
pub struct Scene;
#[derive(Debug)]
pub struct Setup;

//! (engine follows)
pub struct Edit<'a> {
    _p: &'a (),
}

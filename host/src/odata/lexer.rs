//! Text of a `$filter` and its kin to tokens with positions.

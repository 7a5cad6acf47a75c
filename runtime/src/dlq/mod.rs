//! Dead letters from outside of a pipeline: which there are, what one of them holds, and their replay.
//!
//! All three read the dead-letter topic from outside of any group, up to the ends that it had at the start, and commit
//! nothing.

pub mod headers;
pub mod list;
pub mod marks;
pub mod recent;
pub mod replay;
pub mod scan;
pub mod select;
pub mod show;

//! The host side of plugins.

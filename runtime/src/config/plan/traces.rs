//! What a plan says of traces.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

/// What is traced, and where that is sent.
#[derive(Clone, PartialEq)]
pub struct Traces {
    /// The collector's address, path included.
    pub endpoint: String,
    /// The share of records without a trace context that is traced, 0 to 1.
    pub sample: f64,
    /// Whether outputs of traced records carry the context of a span of their own.
    pub propagate: bool,
    /// Headers of each request.
    pub headers: Vec<(String, String)>,
    /// Attributes of the resource, over ours.
    pub attributes: Vec<(String, String)>,
    /// How long one request may take.
    pub timeout: Duration,
    /// A file of certificates to trust in place of the system's.
    pub ca: Option<PathBuf>,
    /// The files of the client's certificate and of its private key.
    pub certificate: Option<(PathBuf, PathBuf)>,
}

impl Traces {
    /// The files that it names.
    pub fn files(&self) -> impl Iterator<Item = PathBuf> {
        let certificate = self.certificate.iter().flat_map(|(certificate, key)| [certificate, key]);
        self.ca.iter().chain(certificate).cloned()
    }
}

/// Shows no secret.
impl fmt::Debug for Traces {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Traces").field("endpoint", &self.endpoint).field("sample", &self.sample).finish_non_exhaustive()
    }
}

//! The schemas of outputs: asked for before anything is read, and the newest ones again every five minutes.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::Part;
use super::codec::Encoder;
use super::schema::{SchemaText, refuse_rules};
use crate::config::plan::{IdIn, Output, OutputFormat, OutputSchema, Target};
use crate::registry::{RegisteredSchema, Registry, SchemaId, Version, with_references};
use crate::rt::{self, Condvar};

/// How often the newest schema of a subject is asked for.
const REFRESH: Duration = Duration::from_secs(300);
/// How long a registry that is absent then is left alone.
const AGAIN: Duration = Duration::from_secs(10);

/// What one part of an output is encoded with.
pub struct OutputCodec {
    /// The id of the schema, as it goes before the bytes or into a header.
    pub id: Option<SchemaId>,
    /// What it is encoded with.
    pub encoder: Encoder,
}

/// A part of an output that has a schema of its own.
pub(super) struct OutputPart {
    pub(super) output: usize,
    pub(super) part: Part,
    pub(super) name: String,
    pub(super) topic: String,
    pub(super) format: OutputFormat,
}

impl OutputPart {
    /// Returns the parts of outputs that have a schema of their own: not the one that the record came with.
    pub(super) fn all(outputs: &[Output]) -> Vec<OutputPart> {
        let mut parts = Vec::new();
        for (number, output) in outputs.iter().enumerate() {
            let Target::Topic(topic) = &output.target else { continue };
            for (part, format) in [(Part::Key, &output.formats.key), (Part::Value, &output.formats.value)] {
                let Some(format) = format.as_ref().filter(|format| format.schema != OutputSchema::Input) else {
                    continue;
                };
                let (name, topic) = (output.name.to_string(), topic.name.clone());
                parts.push(OutputPart { output: number, part, name, topic, format: format.clone() });
            }
        }
        parts
    }

    /// Asks for the schema, and makes of it what records are encoded with.
    ///
    /// # Errors
    /// It cannot be had just now, or cannot be used: which output, and why.
    pub(super) fn resolve(&self, registry: Option<&dyn Registry>) -> Result<OutputCodec, String> {
        let about = |why: String| format!("the schema of output \"{}\" ({}): {why}", self.name, self.part.as_str());
        self.ask(registry).map_err(about)
    }

    fn ask(&self, registry: Option<&dyn Registry>) -> Result<OutputCodec, String> {
        let format = &self.format;
        let file = match &format.schema {
            OutputSchema::File(file) => SchemaText::of_file(file, format.format),
            _ => None,
        };
        let (Some(registry), true) = (registry, format.id_in.is_some()) else {
            let encoder = match file {
                Some(text) => text.encoder(format)?,
                None => Encoder::without_schema(format).ok_or("it has no schema")?,
            };
            return Ok(OutputCodec { id: None, encoder });
        };
        let subject = self.subject(file.as_ref())?;
        let registered = match (&format.schema, &file) {
            (OutputSchema::Version(version), _) => registry.version(&subject, Version::Number(*version)),
            (OutputSchema::Id(id), _) => registry.schema(SchemaId::Number(*id)),
            (OutputSchema::File(_), Some(text)) if format.register => {
                let id = registry.register(&subject, &text.to_new()).map_err(|error| error.to_string())?;
                registry.schema(SchemaId::Number(id))
            }
            (OutputSchema::File(_), Some(text)) => registry.find(&subject, &text.to_new()),
            _ => registry.version(&subject, Version::Latest),
        };
        let registered = registered.map_err(|error| self.unregistered(&subject, &error.to_string()))?;
        refuse_rules(registered.has_rules)?;
        let id = self.id(&registered).ok_or("the registry's answer has no id")?;
        let encoder = match file {
            Some(text) => text.encoder(format)?,
            None => {
                let resolved = with_references(registry, registered).map_err(|error| error.to_string())?;
                SchemaText::from(&resolved).encoder(format)?
            }
        };
        Ok(OutputCodec { id: Some(id), encoder })
    }

    fn id(&self, registered: &RegisteredSchema) -> Option<SchemaId> {
        let guid = registered.guid.filter(|_| self.format.id_in == Some(IdIn::Header));
        guid.map(SchemaId::Guid).or(registered.id.map(SchemaId::Number))
    }

    fn unregistered(&self, subject: &str, why: &str) -> String {
        match &self.format.schema {
            OutputSchema::File(file) if !self.format.register => {
                let file = file.path.display();
                format!(
                    "{file} is not found under the subject \"{subject}\" ({why}); register it, or set `register: true`"
                )
            }
            _ => format!("subject \"{subject}\": {why}"),
        }
    }

    fn subject(&self, file: Option<&SchemaText>) -> Result<String, String> {
        match file {
            Some(text) => text.subject(&self.format, &self.topic, self.part.as_str()),
            None => Ok(self.format.subject.clone().unwrap_or_else(|| format!("{}-{}", self.topic, self.part.as_str()))),
        }
    }
}

/// The codec of a part of an output, which may be exchanged for a newer one.
type Slot = Arc<Mutex<Arc<OutputCodec>>>;

/// The codecs of all outputs.
pub(super) struct OutputCodecs {
    slots: Vec<[Option<Slot>; 2]>,
    refresh: Option<Arc<Refresh>>,
}

/// Ends the thread that asks again.
#[derive(Default)]
struct Refresh {
    is_over: Mutex<bool>,
    changed: Condvar,
}

impl OutputCodecs {
    /// Asks for every schema once.
    ///
    /// # Errors
    /// The first that cannot be had: which output, and why. It may be tried again.
    pub(super) fn resolve(outputs: &[Output], registry: Option<&dyn Registry>) -> Result<OutputCodecs, String> {
        let mut slots: Vec<[Option<Slot>; 2]> = outputs.iter().map(|_| [None, None]).collect();
        for part in OutputPart::all(outputs) {
            let codec = part.resolve(registry)?;
            slots[part.output][part.part as usize] = Some(Arc::new(Mutex::new(Arc::new(codec))));
        }
        Ok(OutputCodecs { slots, refresh: None })
    }

    /// Returns the codecs of files, and of the registry where it answers; `missed` is called with why one is not there.
    ///
    /// # Errors
    /// A file cannot be used: which output, and why.
    pub(super) fn by_hand(
        outputs: &[Output],
        registry: Option<&dyn Registry>,
        missed: &mut dyn FnMut(&str),
    ) -> Result<OutputCodecs, String> {
        let mut slots: Vec<[Option<Slot>; 2]> = outputs.iter().map(|_| [None, None]).collect();
        for mut part in OutputPart::all(outputs) {
            let is_local = matches!(part.format.schema, OutputSchema::File(_) | OutputSchema::None);
            if is_local {
                // Its id is of no use here.
                part.format.id_in = None;
            }
            match part.resolve(registry) {
                Ok(codec) => slots[part.output][part.part as usize] = Some(Arc::new(Mutex::new(Arc::new(codec)))),
                Err(why) if is_local => return Err(why),
                Err(_) if registry.is_none() => {}
                Err(why) => missed(&why),
            }
        }
        Ok(OutputCodecs { slots, refresh: None })
    }

    /// Returns the codec of a part of an output, where that has a schema of its own.
    pub(super) fn get(&self, output: usize, part: Part) -> Option<Arc<OutputCodec>> {
        let slot = self.slots[output][part as usize].as_ref()?;
        Some(slot.lock().unwrap_or_else(PoisonError::into_inner).clone())
    }

    /// Asks again from time to time for those that are to be the newest, on a thread of its own.
    ///
    /// # Errors
    /// A thread cannot be made.
    pub(super) fn keep_fresh(
        &mut self,
        pipeline: &str,
        outputs: &[Output],
        registry: &Arc<dyn Registry>,
    ) -> anyhow::Result<()> {
        let newest = |part: &OutputPart| part.format.schema == OutputSchema::Latest;
        let parts: Vec<OutputPart> = OutputPart::all(outputs).into_iter().filter(newest).collect();
        let with_slot = |part: OutputPart| Some((self.slots[part.output][part.part as usize].clone()?, part));
        let parts: Vec<(Slot, OutputPart)> = parts.into_iter().filter_map(with_slot).collect();
        if parts.is_empty() {
            return Ok(());
        }
        let refresh: Arc<Refresh> = Arc::default();
        let (own, registry, pipeline) = (refresh.clone(), registry.clone(), pipeline.to_owned());
        rt::spawn(&format!("{pipeline}/schemas"), move || {
            let mut wait = REFRESH;
            while own.wait(wait) {
                wait = REFRESH;
                for (slot, part) in &parts {
                    match part.resolve(Some(&*registry)) {
                        Ok(codec) => exchange(slot, codec, part, &pipeline),
                        Err(why) => {
                            tracing::warn!(target: "formats", pipeline, "{why}: the one before stays in use");
                            wait = AGAIN;
                        }
                    }
                }
            }
        })?;
        self.refresh = Some(refresh);
        Ok(())
    }
}

fn exchange(slot: &Slot, codec: OutputCodec, part: &OutputPart, pipeline: &str) {
    let mut now = slot.lock().unwrap_or_else(PoisonError::into_inner);
    if now.id != codec.id {
        let id = codec.id.map(|id| id.to_string()).unwrap_or_default();
        let (output, part) = (&part.name, part.part.as_str());
        tracing::info!(target: "formats", pipeline, output, part, id, "a newer schema is in use");
        *now = Arc::new(codec);
    }
}

impl Refresh {
    fn lock(&self) -> MutexGuard<'_, bool> {
        self.is_over.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for so long; returns false where it is over.
    fn wait(&self, duration: Duration) -> bool {
        let deadline = rt::now() + duration;
        let mut is_over = self.lock();
        while !*is_over && rt::now() < deadline {
            is_over = self.changed.wait_until(&self.is_over, is_over, Some(deadline));
        }
        !*is_over
    }
}

impl Drop for OutputCodecs {
    fn drop(&mut self) {
        if let Some(refresh) = &self.refresh {
            *refresh.lock() = true;
            refresh.changed.notify_all();
        }
    }
}

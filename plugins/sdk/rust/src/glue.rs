//! The canonical ABI by hand: what [`export!`](crate::export) makes of a plugin.
//!
//! Generated bindings would free each result after the call and allocate the next. Here results stay in buffers
//! that are kept until the next call, and there is no post-return function, so the host reads them in place.

/// Exports a plugin type from the component. To be called once, at the root of a `cdylib` crate; the crate's own
/// name and version go into the manifest. On other targets than WebAssembly it checks the type and exports nothing.
#[macro_export]
macro_rules! export {
    ($plugin:ty) => {
        const _: () = {
            const fn is_a_plugin<P: $crate::Plugin>() {}
            is_a_plugin::<$plugin>();

            #[cfg(target_arch = "wasm32")]
            #[global_allocator]
            static ALLOCATOR: $crate::Allocator = $crate::Allocator::new();

            #[cfg(target_arch = "wasm32")]
            ::std::thread_local! {
                static GLUE: $crate::glue::Glue<$plugin> = const { $crate::glue::Glue::new() };
            }

            #[cfg(target_arch = "wasm32")]
            #[unsafe(export_name = "sluicebox:plugin/lifecycle@0.1.0#init")]
            unsafe extern "C" fn init(
                stage: *mut u8,
                stage_len: usize,
                json: *mut u8,
                json_len: usize,
                outputs: *mut u8,
                outputs_len: usize,
            ) -> *const u8 {
                let manifest = (env!("CARGO_PKG_NAME"), env!("CARGO_PKG_VERSION"));
                let config = [(stage, stage_len), (json, json_len), (outputs, outputs_len)];
                // SAFETY: the canonical ABI passes what the interface says.
                GLUE.with(|glue| unsafe { glue.init(manifest, config) })
            }

            #[cfg(target_arch = "wasm32")]
            #[unsafe(export_name = "sluicebox:plugin/packed@0.1.0#process")]
            unsafe extern "C" fn process(
                index: *mut u8,
                index_len: usize,
                data: *mut u8,
                data_len: usize,
            ) -> *const u8 {
                // SAFETY: the canonical ABI passes what the interface says.
                GLUE.with(|glue| unsafe { glue.process((index, index_len), (data, data_len)) })
            }

            // This name and not `cabi_realloc`: it serves the arguments of exports alone, so bindings that a
            // plugin brings for other imports keep their own.
            #[cfg(target_arch = "wasm32")]
            #[unsafe(export_name = "cabi_export_realloc")]
            extern "C" fn realloc(old: *mut u8, old_size: usize, _align: usize, size: usize) -> *mut u8 {
                GLUE.with(|glue| glue.realloc(old, old_size, size))
            }
        };
    };
}

#[cfg(target_arch = "wasm32")]
pub use wasm::{Glue, log_write, metrics_count};

#[cfg(target_arch = "wasm32")]
mod wasm {
    //! The part that exists only inside a component.

    use std::cell::{Cell, RefCell};

    use crate::buffers::Buffers;
    use crate::instance::Instance;
    use crate::log::Level;
    use crate::{Failure, Plugin, Stage};

    /// A pointer and a length, as the canonical ABI passes strings and lists.
    type Passed = (*mut u8, usize);

    /// The largest result: a discriminant, then three lists.
    type Answer = [u32; 7];

    /// All state of a component: one plugin, started once.
    pub struct Glue<P> {
        instance: RefCell<Option<Instance<P>>>,
        arguments: RefCell<Buffers>,
        /// The text of the last error, until the next call.
        error: RefCell<String>,
        answer: Cell<Answer>,
    }

    impl<P: Plugin> Glue<P> {
        /// Before the start.
        pub const fn new() -> Glue<P> {
            Glue {
                instance: RefCell::new(None),
                arguments: RefCell::new(Buffers::new()),
                error: RefCell::new(String::new()),
                answer: Cell::new([0; 7]),
            }
        }

        /// `lifecycle.init`: name and version of the plugin; the stage's name, its configuration and the outputs.
        ///
        /// # Safety
        /// Each of `config` is what the canonical ABI passes for the interface's `record config`.
        pub unsafe fn init(&self, manifest: (&'static str, &'static str), config: [Passed; 3]) -> *const u8 {
            std::panic::set_hook(Box::new(|panic| crate::log::error(panic)));
            let [stage, json, outputs] = config;
            // SAFETY: by the contract of this function. A list of strings is a list of pointers and lengths.
            let (stage, json, outputs) = unsafe {
                let outputs = (0..outputs.1).map(|n| outputs.0.cast::<Passed>().add(n).read());
                (text(stage), text(json), outputs.map(|output| text(output)).collect())
            };
            let started = Instance::start(&Stage::new(stage, outputs), &json);
            *self.arguments.borrow_mut() = Buffers::new();
            match started {
                Ok(instance) => {
                    let (name, version) = manifest;
                    let needs = u32::from(instance.needs().bits());
                    *self.instance.borrow_mut() = Some(instance);
                    let [name, version] = [name, version].map(|text| words(text.as_bytes()));
                    self.answer([0, name[0], name[1], version[0], version[1], needs, 0])
                }
                Err(error) => {
                    let error = self.keep(error);
                    self.answer([1, error[0], error[1], 0, 0, 0, 0])
                }
            }
        }

        /// `packed.process`.
        ///
        /// # Safety
        /// `index` and `data` are what the canonical ABI passes for the interface's `record packed-batch`.
        pub unsafe fn process(&self, index: Passed, data: Passed) -> *const u8 {
            let mut instance = self.instance.borrow_mut();
            let result = match instance.as_mut() {
                // SAFETY: by the contract of this function; the buffers are not touched before the next call.
                Some(instance) => unsafe { instance.process(bytes(index), bytes(data)) },
                None => Err(Failure::Fatal("process was called before init".into())),
            };
            self.arguments.borrow_mut().reuse();
            match result {
                Ok(result) => {
                    let lists = [result.verdicts(), result.index(), result.data()];
                    let [verdicts, index, data] = lists.map(words);
                    self.answer([0, verdicts[0], verdicts[1], index[0], index[1], data[0], data[1]])
                }
                Err(failure) => {
                    let (case, text) = match failure {
                        Failure::Retry(text) => (0, text),
                        Failure::Fatal(text) => (1, text),
                    };
                    let text = self.keep(text);
                    self.answer([1, case, text[0], text[1], 0, 0, 0])
                }
            }
        }

        /// The memory for an argument of the next call.
        pub fn realloc(&self, old: *mut u8, old_size: usize, size: usize) -> *mut u8 {
            let mut arguments = self.arguments.borrow_mut();
            if old_size == 0 { arguments.next(size) } else { arguments.grow(old, old_size.min(size), size) }
        }

        /// Keeps an error's text for the host to read.
        fn keep(&self, text: String) -> [u32; 2] {
            *self.error.borrow_mut() = text;
            words(self.error.borrow().as_bytes())
        }

        fn answer(&self, answer: Answer) -> *const u8 {
            self.answer.set(answer);
            self.answer.as_ptr().cast::<u8>().cast_const()
        }
    }

    impl<P: Plugin> Default for Glue<P> {
        fn default() -> Self {
            Glue::new()
        }
    }

    /// A list as it lies in an answer.
    fn words(bytes: &[u8]) -> [u32; 2] {
        [bytes.as_ptr().addr() as u32, bytes.len() as u32]
    }

    /// # Safety
    /// The pointer and length are those of a list that the canonical ABI has passed, and the list is not
    /// written to while the slice lives.
    unsafe fn bytes<'a>((at, len): Passed) -> &'a [u8] {
        if len == 0 {
            return &[]; // the pointer of an empty list may be anything
        }
        // SAFETY: by the contract of this function.
        unsafe { std::slice::from_raw_parts(at, len) }
    }

    /// # Safety
    /// As for [`bytes`], of a string.
    unsafe fn text(passed: Passed) -> String {
        // SAFETY: by the contract of this function.
        let bytes = unsafe { bytes(passed) };
        std::str::from_utf8(bytes).expect("the host passes strings as UTF-8").to_owned()
    }

    #[link(wasm_import_module = "sluicebox:plugin/log@0.1.0")]
    unsafe extern "C" {
        #[link_name = "write"]
        safe fn import_log_write(level: u32, message: *const u8, len: usize);
    }

    #[link(wasm_import_module = "sluicebox:plugin/metrics@0.1.0")]
    unsafe extern "C" {
        #[link_name = "count"]
        safe fn import_metrics_count(name: *const u8, len: usize, delta: u64);
    }

    /// `log.write`.
    pub fn log_write(level: Level, message: &str) {
        import_log_write(level as u32, message.as_ptr(), message.len());
    }

    /// `metrics.count`.
    pub fn metrics_count(name: &str, delta: u64) {
        import_metrics_count(name.as_ptr(), name.len(), delta);
    }
}

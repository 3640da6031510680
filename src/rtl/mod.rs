//! The hardware blocks: one file a module, each with a template of the same name.

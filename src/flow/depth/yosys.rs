//! Running Yosys: elaboration of all modules at once, then mapping of each by itself, both kept in a cache by content.

use super::netlist::Model;
use super::{RAMS, Root, SMALL};
use crate::sim::{candidates, default_cache};
use anyhow::{Context as _, bail, ensure};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use std::collections::{BTreeMap, HashMap};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};

/// A Yosys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Yosys {
    /// What to run.
    pub program: PathBuf,
    /// Its version.
    pub version: String,
    /// Where results are kept.
    pub cache: PathBuf,
}

/// All modules of a design, at all their parameters.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Elaboration {
    pub modules: Vec<Elaborated>,
}

/// A module at a set of parameters.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Elaborated {
    /// Yosys's name for it.
    pub name: String,
    /// Its name in the Verilog.
    pub block: String,
    pub parameters: BTreeMap<String, u64>,
    /// Of what it instantiates, Yosys's names.
    children: Vec<String>,
    /// Hash of `text` and of how it is mapped.
    key: String,
    /// RTLIL of the module, and of what it instantiates the ports; not kept.
    #[serde(skip)]
    text: Option<String>,
}

impl Elaborated {
    fn is_ram(&self) -> bool {
        RAMS.contains(&self.block.as_str())
    }
}

impl Yosys {
    /// The Yosys to use: `$YOSYS`, else `yosys` on the `PATH`, else the one that `sim/setup` put into `$SPATTEN_TOOLS` or
    /// `target/tools`.
    ///
    /// # Errors
    /// When there is none.
    pub fn find() -> anyhow::Result<Self> {
        let chosen = std::env::var_os("YOSYS").filter(|v| !v.is_empty());
        let tried = match chosen {
            Some(chosen) => vec![PathBuf::from(chosen)],
            None => candidates("yosys"),
        };
        for program in &tried {
            if let Ok(output) = Command::new(program).arg("-V").output()
                && output.status.success()
            {
                let text = String::from_utf8_lossy(&output.stdout);
                let version = text.split_whitespace().nth(1).unwrap_or("unknown").to_owned();
                return Ok(Yosys {
                    program: program.clone(),
                    version,
                    cache: default_cache(),
                });
            }
        }
        bail!("no Yosys found; run `sim/setup`, install Yosys, or set YOSYS to the program")
    }

    /// Elaborates the roots and all that they instantiate.
    ///
    /// # Errors
    /// When Yosys refuses the Verilog.
    pub(super) fn elaborate(
        &self,
        files: &[(String, String)],
        roots: &[Root],
    ) -> anyhow::Result<Elaboration> {
        let names: Vec<&str> = files.iter().map(|(name, _)| name.as_str()).collect();
        let script = elaboration_script(&names);
        let roots = roots_module(roots);
        let key = self.key(
            [script.as_str(), mapping_script(), roots.as_str()]
                .into_iter()
                .chain(
                    files
                        .iter()
                        .flat_map(|(name, text)| [name.as_str(), text.as_str()]),
                ),
        );
        let kept = self.cache.join(format!("elaborated-{key}.json"));
        if let Ok(text) = std::fs::read_to_string(&kept)
            && let Ok(elaboration) = serde_json::from_str::<Elaboration>(&text)
            && elaboration
                .modules
                .iter()
                .all(|module| module.is_ram() || self.place(module).is_file())
        {
            return Ok(elaboration);
        }
        let work = tempfile::tempdir()?;
        for (name, text) in files {
            std::fs::write(work.path().join(name), text)?;
        }
        std::fs::write(work.path().join("roots.v"), roots)?;
        self.run(work.path(), &script, "the blocks")?;
        let elaboration = self.modules_of(&read(&work.path().join("elaborated.il"))?)?;
        self.keep(&kept, &serde_json::to_string(&elaboration)?)?;
        Ok(elaboration)
    }

    /// Netlists of the modules called `tops` and of all below them, by name.
    ///
    /// # Errors
    /// When Yosys refuses one.
    pub(super) fn models(
        &self,
        elaboration: &Elaboration,
        tops: &[&str],
        progress: &(dyn Fn(usize, usize, &str) + Sync),
    ) -> anyhow::Result<HashMap<String, Model>> {
        let by_name: HashMap<&str, &Elaborated> = elaboration
            .modules
            .iter()
            .map(|module| (module.name.as_str(), module))
            .collect();
        let mut needed: Vec<&Elaborated> = Vec::new();
        let mut open: Vec<&str> = tops.to_vec();
        while let Some(name) = open.pop() {
            let module = *by_name.get(name).with_context(|| format!("no module `{name}`"))?;
            if !needed.iter().any(|known| known.name == name) {
                needed.push(module);
                open.extend(module.children.iter().map(String::as_str));
            }
        }
        // What takes long begins first.
        needed.sort_by_key(|module| std::cmp::Reverse(module.text.as_ref().map_or(0, String::len)));
        let done = AtomicUsize::new(0);
        let count = needed.len();
        let models = needed.par_iter().with_max_len(1).map(|module| {
            let model = if module.is_ram() {
                Model::ram(&module.block, ram_bits(&module.parameters))
            } else {
                self.model(module)
                    .with_context(|| format!("netlist of {}", module.block))?
            };
            progress(done.fetch_add(1, Ordering::Relaxed) + 1, count, &module.block);
            Ok((module.name.clone(), model))
        });
        models.collect()
    }

    fn model(&self, module: &Elaborated) -> anyhow::Result<Model> {
        let kept = self.place(module);
        if let Ok(text) = std::fs::read_to_string(&kept)
            && let Ok(model) = serde_json::from_str(&text)
        {
            return Ok(model);
        }
        let text = module.text.as_ref().context("its text is not kept")?;
        let work = tempfile::tempdir()?;
        std::fs::write(work.path().join("module.il"), text)?;
        let script = format!(
            "read_rtlil module.il; {}; write_blif -icells -cname netlist.blif",
            mapping_script()
        );
        self.run(work.path(), &script, &module.block)?;
        let mut model = Model::parse(&read(&work.path().join("netlist.blif"))?, &module.name)?;
        model.block.clone_from(&module.block);
        self.keep(&kept, &serde_json::to_string(&model)?)?;
        Ok(model)
    }

    fn place(&self, module: &Elaborated) -> PathBuf {
        self.cache
            .join(format!("mapped-{}-{}.json", module.block, module.key))
    }

    fn key<'a>(&'a self, parts: impl Iterator<Item = &'a str>) -> String {
        // Of what is kept, not of Yosys.
        const FORMAT: &str = "1";
        let mut hash = Sha256::new();
        for part in [FORMAT, self.version.as_str()].into_iter().chain(parts) {
            hash.update((part.len() as u64).to_le_bytes());
            hash.update(part);
        }
        let digest = hash.finalize();
        digest.iter().take(12).map(|byte| format!("{byte:02x}")).collect()
    }

    /// Writes a file of the cache whole or not at all.
    fn keep(&self, place: &Path, text: &str) -> anyhow::Result<()> {
        std::fs::create_dir_all(&self.cache)
            .and_then(|()| {
                let file = tempfile::NamedTempFile::new_in(&self.cache)?;
                std::fs::write(file.path(), text)?;
                file.persist(place)?;
                Ok(())
            })
            .with_context(|| format!("cannot write {}", place.display()))
    }

    fn run(&self, directory: &Path, script: &str, what: &str) -> anyhow::Result<()> {
        let output = Command::new(&self.program)
            .current_dir(directory)
            .env_remove("ABC") // would be another program
            .args(["-q", "-p", script])
            .output()
            .with_context(|| format!("cannot run {}", self.program.display()))?;
        let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
        ensure!(output.status.success(), "Yosys refuses {what}:\n{said}");
        Ok(())
    }

    /// The modules in RTLIL.
    fn modules_of(&self, text: &str) -> anyhow::Result<Elaboration> {
        let parts = rtlil_modules(text);
        let ports: HashMap<&str, String> = parts.iter().map(|part| (part.name, part.ports())).collect();
        let modules = parts.iter().filter(|part| part.name != r"\roots").map(|part| {
            let children = part.children(&ports);
            let mut text = String::new();
            for child in &children {
                text += &ports[child];
            }
            let text = renumbered(&(part.text.to_owned() + &text));
            Elaborated {
                name: blif_name(part.name),
                block: part.block().to_owned(),
                parameters: part.parameters(),
                children: children.iter().map(|child| blif_name(child)).collect(),
                key: self.key([mapping_script(), text.as_str()].into_iter()),
                text: Some(text),
            }
        });
        Ok(Elaboration {
            modules: modules.collect(),
        })
    }
}

fn ram_bits(parameters: &BTreeMap<String, u64>) -> u64 {
    let of = |name| parameters.get(name).copied().unwrap_or(0);
    of("WIDTH") * of("DEPTH")
}

fn read(path: &Path) -> anyhow::Result<String> {
    std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))
}

/// Verilog of a module that has one instance of each root, with nothing connected.
fn roots_module(roots: &[Root]) -> String {
    let mut text = "module roots;\n".to_owned();
    for (number, root) in roots.iter().enumerate() {
        let set = root
            .parameters
            .iter()
            .map(|(name, value)| format!(".{name}({value})"));
        let set = set.collect::<Vec<_>>().join(", ");
        let _ = writeln!(
            text,
            "  (* keep, keep_hierarchy *) {} #({set}) root_{number} ();",
            root.module
        );
    }
    text + "endmodule\n"
}

/// The commands that elaborate files, in Yosys's words.
fn elaboration_script(files: &[&str]) -> String {
    let mut small = String::new();
    for module in SMALL {
        if files.contains(&format!("{module}.v").as_str()) {
            let _ = write!(small, " =*{module}*");
        }
    }
    if !small.is_empty() {
        small = format!("setattr -mod -set keep_hierarchy 0{small}; ");
    }
    format!(
        "read_verilog {} roots.v; hierarchy -check -top roots; setattr -mod -set keep_hierarchy 1 *; {small}proc -noopt; \
         flatten; setattr -unset src *; write_rtlil elaborated.il",
        files.join(" ")
    )
}

/// The commands that map a module, in Yosys's words. ABC restructures the logic for delay
/// twice, then maps it.
const fn mapping_script() -> &'static str {
    "opt_expr; opt_clean; opt -nodffe -nosdff; opt_dff; wreduce; opt_clean; alumacc; opt_expr; opt_clean; memory -nordff; \
     opt_expr; opt_clean; techmap; opt -fast; \
     abc -g AND,NAND,OR,NOR,XOR,XNOR -script +strash;if,-K,6,-g;strash;if,-K,6,-g;strash;map; opt_clean"
}

/// All commands for files, one after the other.
pub fn script(files: &[&str]) -> [String; 2] {
    [elaboration_script(files), mapping_script().to_owned()]
}

/// A module in RTLIL.
struct Part<'a> {
    name: &'a str,
    text: &'a str,
}

fn rtlil_modules(text: &str) -> Vec<Part<'_>> {
    let mut parts = Vec::new();
    let mut at = 0;
    let mut start = 0;
    let mut name = None;
    for line in text.split_inclusive('\n') {
        let end = at + line.len();
        if name.is_none() {
            if line.starts_with('#') || line.starts_with("autoidx") || line.trim().is_empty() {
                start = end;
            }
            name = line.strip_prefix("module ").map(str::trim);
        } else if line.trim_end() == "end" {
            parts.push(Part {
                name: name.take().unwrap_or_default(),
                text: &text[start..end],
            });
            start = end;
        }
        at = end;
    }
    parts
}

impl<'a> Part<'a> {
    /// The name in the Verilog.
    fn block(&self) -> &'a str {
        let mut lines = self.text.lines();
        let given = lines.find_map(|line| line.strip_prefix(r#"attribute \hdlname "\\"#));
        given.map_or(self.name.trim_start_matches('\\'), |name| {
            name.trim_end_matches('"')
        })
    }

    fn parameters(&self) -> BTreeMap<String, u64> {
        let lines = self
            .text
            .lines()
            .filter_map(|line| line.strip_prefix(r"  parameter \"));
        let pair = |line: &str| {
            let (name, value) = line.split_once(' ')?;
            let value = match value.split_once('\'') {
                Some((_, bits)) => u64::from_str_radix(bits, 2).ok()?,
                None => value.parse().ok()?,
            };
            Some((name.to_owned(), value))
        };
        lines.filter_map(pair).collect()
    }

    /// The module as a black box.
    fn ports(&self) -> String {
        let mut text = format!("attribute \\blackbox 1\nmodule {}\n", self.name);
        for line in self.text.lines() {
            if line.starts_with("  wire ") && (line.contains(" input ") || line.contains(" output ")) {
                text += line;
                text += "\n";
            }
        }
        text + "end\n"
    }

    /// Names of the modules that it instantiates, of those `known`.
    fn children<T>(&self, known: &HashMap<&'a str, T>) -> Vec<&'a str> {
        let cells = self
            .text
            .lines()
            .filter_map(|line| line.strip_prefix("  cell ")?.split(' ').next());
        let mut children: Vec<&str> = cells.filter(|kind| known.contains_key(kind)).collect();
        children.sort_unstable();
        children.dedup();
        children
    }
}

/// The name that a module has in BLIF.
fn blif_name(name: &str) -> String {
    name.trim_start_matches('\\').replace(['#', '=', '<', '>'], "?")
}

/// The text with Yosys's running numbers counted anew, so that they do not depend on other modules.
fn renumbered(text: &str) -> String {
    let mut numbers: HashMap<&str, usize> = HashMap::new();
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('$') {
        out += &rest[..=at];
        rest = &rest[at + 1..];
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let next = rest.as_bytes().get(digits);
        if digits > 0 && !next.is_some_and(u8::is_ascii_alphanumeric) {
            let count = numbers.len() + 1;
            let number = *numbers.entry(&rest[..digits]).or_insert(count);
            let _ = write!(out, "{number}");
            rest = &rest[digits..];
        }
    }
    out += rest;
    format!("autoidx {}\n{out}", numbers.len() + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    const RTLIL: &str = "\
# Generated by Yosys
autoidx 90
attribute \\hdlname \"\\\\leaf\"
module $paramod$8fe\\leaf
  parameter \\WIDTH 12
  parameter \\DEPTH 32'00000000000000000000000000000101
  wire width 12 input 1 \\a
  wire $and$leaf.v:3$17_Y
end
module \\top
  cell $paramod$8fe\\leaf \\u_leaf
    connect \\a $and$leaf.v:3$17_Y
  end
  cell $and $and$leaf.v:3$81
  end
end
";

    #[test]
    fn modules_are_cut_out_of_rtlil() {
        let parts = rtlil_modules(RTLIL);
        let known: HashMap<&str, ()> = parts.iter().map(|part| (part.name, ())).collect();
        let [leaf, top] = &parts[..] else {
            panic!("two modules")
        };
        assert_eq!((leaf.block(), top.block()), ("leaf", "top"));
        assert_eq!(
            leaf.parameters().into_iter().collect::<Vec<_>>(),
            [("DEPTH".to_owned(), 5), ("WIDTH".to_owned(), 12)]
        );
        assert_eq!(ram_bits(&leaf.parameters()), 60);
        assert_eq!(top.children(&known), [leaf.name]);
        assert!(leaf.ports().contains("input 1") && !leaf.ports().contains("leaf.v"));
    }

    #[test]
    fn running_numbers_are_counted_anew() {
        let text = renumbered("$and$leaf.v:3$17_Y $81 $17 $paramod$8fe\\leaf $procmux$81_CMP");
        assert_eq!(
            text,
            "autoidx 3\n$and$leaf.v:3$1_Y $2 $1 $paramod$8fe\\leaf $procmux$2_CMP"
        );
    }
}

//! Owns the command line of the simulator. Must never compute anything itself.

use anyhow::{Context, Result, bail};
use cache_pg_simulator::heap::Parts;
use cache_pg_simulator::report;
use cache_pg_simulator::run::{Contender, replay};
use cache_pg_simulator::trace::{self, GENERATED, Trace};
use clap::Parser;
use std::fs;
use std::path::{Path, PathBuf};

/// Replays traces through the eviction policy of cache_pg and the policies it is compared with.
#[derive(Parser)]
struct Arguments {
    /// Write docs/eviction.md.
    #[arg(long, conflicts_with = "trace")]
    docs: bool,
    /// The directory of public traces for the document, as docs/eviction.md describes.
    #[arg(long, default_value = "target/traces")]
    traces: PathBuf,
    /// Print the hits of cache_pg, in percent, for this generated trace.
    #[arg(long, requires = "size")]
    trace: Option<String>,
    /// How much the cache may hold: entries, or bytes where the trace has sizes.
    #[arg(long)]
    size: Option<u64>,
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    match (&arguments.trace, arguments.size) {
        (Some(name), Some(size)) => {
            let trace = trace::generated(name)
                .with_context(|| format!("there is no trace {name:?}; there are {}", GENERATED.join(", ")))?;
            println!("{:.2}", replay(&trace, Contender::Ours(Parts::ALL), size).hits);
            Ok(())
        }
        _ if arguments.docs => write_document(&arguments.traces),
        _ => bail!("give --docs, or --trace and --size"),
    }
}

fn write_document(directory: &Path) -> Result<()> {
    let generated: Vec<Trace> = GENERATED.iter().filter_map(|name| trace::generated(name)).collect();
    let public = public_traces(directory)?;
    if public.is_empty() {
        eprintln!("there are no traces in {}: the document will show generated ones only", directory.display());
    }
    let target = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/eviction.md");
    fs::write(&target, report::document(&generated, &public)).with_context(|| format!("writing {}", target.display()))
}

/// The traces in a directory, in the order of their names; none if it does not exist.
fn public_traces(directory: &Path) -> Result<Vec<Trace>> {
    let Ok(entries) = fs::read_dir(directory) else { return Ok(Vec::new()) };
    let mut files = entries.map(|entry| Ok(entry?.path())).collect::<Result<Vec<PathBuf>>>()?;
    files.retain(|path| path.is_file());
    files.sort();
    files.iter().map(|path| trace::read(path)).collect()
}

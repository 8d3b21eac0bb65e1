//! Owns the command line of the simulator. Must never compute anything itself.

use anyhow::{Context, Result, bail};
use cache_pg_simulator::foresight;
use cache_pg_simulator::heap::Parts;
use cache_pg_simulator::report;
use cache_pg_simulator::run::{Contender, replay};
use cache_pg_simulator::timed::{self, SHAPES, Timed};
use cache_pg_simulator::trace::{self, GENERATED, Trace};
use clap::Parser;
use std::fs;
use std::path::{Path, PathBuf};

/// Replays traces through the eviction policy of cache_pg and the policies it is compared with, and through rules that
/// foresee demand.
#[derive(Parser)]
struct Arguments {
    /// Write docs/eviction.md.
    #[arg(long, conflicts_with_all = ["trace", "foreseen"])]
    docs: bool,
    /// Write docs/foreseen-demand.md.
    #[arg(long, conflicts_with = "trace")]
    foreseen: bool,
    /// The seed of the generated traces for docs/foreseen-demand.md.
    #[arg(long, default_value_t = 7)]
    seed: u64,
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
        _ if arguments.foreseen => write_foreseen(arguments.seed, &arguments.traces.join("timed")),
        _ => bail!("give --docs, --foreseen, or --trace and --size"),
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

fn write_foreseen(seed: u64, directory: &Path) -> Result<()> {
    let generated: Vec<Timed> = SHAPES.iter().filter_map(|name| timed::shaped(name, seed)).collect();
    let public = files(directory)?.iter().map(|path| timed::read(path)).collect::<Result<Vec<Timed>>>()?;
    let target = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/foreseen-demand.md");
    let text = foresight::report::document(&generated, &public);
    fs::write(&target, text).with_context(|| format!("writing {}", target.display()))
}

/// The traces in a directory, in the order of their names; none if it does not exist.
fn public_traces(directory: &Path) -> Result<Vec<Trace>> {
    files(directory)?.iter().map(|path| trace::read(path)).collect()
}

/// The files in a directory, in the order of their names; none if it does not exist.
fn files(directory: &Path) -> Result<Vec<PathBuf>> {
    let Ok(entries) = fs::read_dir(directory) else { return Ok(Vec::new()) };
    let mut files = entries.map(|entry| Ok(entry?.path())).collect::<Result<Vec<PathBuf>>>()?;
    files.retain(|path| path.is_file());
    files.sort();
    Ok(files)
}

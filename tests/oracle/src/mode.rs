//! The caches that are tried: the extension, and three by which the judge is tried.

use std::fmt;

use anyhow::Result;
use postgres::Client;
use xtask::cluster::{Builder, Cluster};

use crate::run::Step;
use crate::view::{CONFIGURED, ROW, ROWS};
use crate::{administrator, keeper, partitioner, reader, sweeper, warmer, writer};

/// A cache.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Mode {
    /// DELETE in the transaction, upsert by the loader: `sql/naive.sql`.
    Naive,
    /// No cache, every read goes to the source: `sql/direct.sql`.
    None,
    /// The extension.
    Extension,
    /// The extension, with a trigger on its table, so that everything goes the way of the executor.
    WithTrigger,
    /// The extension, with room for a few entries, so that live ones are evicted all the time.
    Tiny,
    /// The extension, whose workers compute everything that is read anew before its deadline, and warm what should be
    /// there.
    Ahead,
    /// The extension, with tables that are emptied, rewritten and altered.
    Altered,
    /// The extension, with writers who tell it nothing: it watches the source.
    Watched,
    /// The same, and the source has partitions, which come and go.
    Partitioned,
    /// As watched, but nothing is. It is here to be caught.
    Unwatched,
}

const WATCH: &str = "SELECT cache_watch('source', keys => ARRAY['row:{id}'], tags => ARRAY['row-{id}'])";

const TRIGGER: &str = "
    CREATE FUNCTION look() RETURNS trigger LANGUAGE plpgsql AS
        $$BEGIN IF TG_OP = 'DELETE' THEN RETURN OLD; END IF; RETURN NEW; END$$;
    CREATE TRIGGER look BEFORE INSERT OR UPDATE OR DELETE ON cache_entries FOR EACH ROW EXECUTE FUNCTION look()";

impl Mode {
    /// A server in which everything that takes seconds elsewhere takes a fraction of one.
    pub(crate) fn server(self) -> Result<Builder> {
        let room = if self == Self::Tiny { "4" } else { "0" };
        Ok(Cluster::builder(&xtask::postgres::under_test()?)
            .conf("cache_pg.max_entries", room)
            .conf("cache_pg.sweep_interval", "100ms")
            .conf("cache_pg.loader_share", "1")
            .conf("max_prepared_transactions", "20")
            .conf("deadlock_timeout", "100ms")
            .conf("wal_writer_delay", "50ms"))
    }

    /// Whether writers tell the cache what they change.
    pub(crate) fn is_told(self) -> bool {
        !matches!(self, Self::Watched | Self::Partitioned | Self::Unwatched)
    }

    /// Whether workers compute values too.
    pub(crate) fn refreshes(self) -> bool {
        matches!(self, Self::Ahead | Self::Altered)
    }

    /// How many sessions do what.
    pub(crate) fn sessions(self) -> Vec<(usize, Step)> {
        let writers_and_readers = [(4, writer::step as Step), (12, reader::step), (2, sweeper::step)];
        let more: &[(usize, Step)] = match self {
            Self::Altered => &[(6, keeper::step), (2, administrator::step)],
            Self::Ahead => &[(6, keeper::step), (3, warmer::step)],
            // No keepers: a snapshot of the source keeps its partitions where they are.
            Self::Partitioned => &[(2, partitioner::step)],
            _ => &[(6, keeper::step)],
        };
        [&writers_and_readers, more].concat()
    }

    /// Whether some of them alter tables.
    pub(crate) fn has_administrators(self) -> bool {
        matches!(self, Self::Altered | Self::Partitioned)
    }

    /// The table that is cached.
    pub(crate) fn source(self) -> &'static str {
        match self {
            Self::Partitioned => include_str!("../sql/partitioned.sql"),
            _ => include_str!("../sql/source.sql"),
        }
    }

    /// Creates the cache.
    pub(crate) fn create(self, client: &mut Client) -> Result<()> {
        let naive = include_str!("../sql/naive.sql");
        let direct = include_str!("../sql/direct.sql");
        let extension = "CREATE EXTENSION cache_pg";
        let scripts: &[&str] = match self {
            Self::Naive => &[naive],
            Self::None => &[naive, direct],
            Self::Extension | Self::Ahead | Self::Tiny | Self::Altered | Self::Unwatched => &[extension],
            Self::WithTrigger => &[extension, TRIGGER],
            Self::Watched | Self::Partitioned => &[extension, WATCH],
        };
        for script in scripts {
            client.batch_execute(script)?;
        }
        for namespace in CONFIGURED {
            let configure = "SELECT cache_configure($1, stale_for => '300 ms', loader => 'load(text)')";
            client.execute(configure, &[&namespace])?;
            if self.refreshes() {
                client.execute("SELECT cache_configure($1, refresh_ahead => '10 s')", &[&namespace])?;
            }
            if self == Self::Ahead && namespace == ROW {
                let warm = format!("SELECT generate_series(0, {})", ROWS - 1);
                client.execute("SELECT cache_configure($1, warm => $2)", &[&namespace, &warm])?;
            }
        }
        // So many that they are worth collecting.
        client.batch_execute(
            "SELECT cache_invalidate_tags(VARIADIC array_agg('unused-' || n)) FROM generate_series(1, 2000) AS n",
        )?;
        Ok(())
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Naive => "naive",
            Self::None => "no",
            Self::Extension => "the extension's",
            Self::Ahead => "the extension's, with workers that refresh ahead and warm,",
            Self::WithTrigger => "the extension's, with a trigger on its table,",
            Self::Tiny => "the extension's, with hardly any room,",
            Self::Altered => "the extension's, with tables that are altered,",
            Self::Watched => "the extension's, with nothing but a watch to tell it,",
            Self::Partitioned => "the extension's, with nothing but a watch on partitions to tell it,",
            Self::Unwatched => "the extension's, with nobody to tell it,",
        })
    }
}

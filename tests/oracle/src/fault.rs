//! Faults that the cache once had, seeded anew by plain SQL, so that the judge can be tried: it must convict each.
//!
//! Must need nothing of the extension that production has not, and be of no effect where no fault is asked for.

use postgres::Client;

use crate::administrator::alone;
use crate::reader::column;
use crate::session::{Outcome, Session};

/// What is wrong with the cache that is tried.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Fault {
    /// Nothing that is known.
    None,
    /// An empty row that nobody has written to hides what was removed before it: here by a version that every snapshot
    /// sees.
    Placeholder,
    /// A table that was truncated passes for one that was not: here its definition is frozen, so that every snapshot
    /// sees it, as the number of a subtransaction once was.
    Definition,
    /// A partition that is detached loses the trigger for changes that a subscription applies.
    Detached,
}

const LOSES_TRIGGER: &str = "
    CREATE FUNCTION lose() RETURNS event_trigger LANGUAGE plpgsql AS $$
    DECLARE
        trigger record;
    BEGIN
        FOR trigger IN
            SELECT tgrelid::regclass AS of, tgname FROM pg_trigger JOIN pg_class ON pg_class.oid = tgrelid
            WHERE tgname = 'cache_pg_watch_applied' AND relname LIKE 'source\\_%' AND NOT relispartition
        LOOP
            EXECUTE format('DROP TRIGGER %I ON %s', trigger.tgname, trigger.of);
        END LOOP;
    END$$;
    CREATE EVENT TRIGGER zzz_after_ours ON ddl_command_end WHEN TAG IN ('ALTER TABLE') EXECUTE FUNCTION lose()";

impl Fault {
    /// What is to be done once.
    pub(crate) fn seed(self, client: &mut Client) -> Result<(), postgres::Error> {
        match self {
            Self::None | Self::Placeholder => Ok(()),
            Self::Definition => client.batch_execute("CREATE EXTENSION pg_surgery"),
            Self::Detached => client.batch_execute(LOSES_TRIGGER),
        }
    }
}

/// Somebody has come and gone, and may have left empty rows.
pub fn after_a_visit(session: &mut Session) -> Outcome<()> {
    match session.run.plan.fault {
        Fault::Placeholder => session.execute("UPDATE cache_entries SET version = '3' WHERE version = '0'"),
        _ => Ok(()),
    }
}

/// The table may have been truncated.
pub fn after_a_truncate(session: &mut Session) -> Outcome<()> {
    if session.run.plan.fault != Fault::Definition {
        return Ok(());
    }
    session.begin("READ COMMITTED")?;
    alone(session, &["LOCK TABLE cache_entries IN ACCESS EXCLUSIVE MODE"])?;
    let rows = session.source("SELECT ctid::text FROM pg_class WHERE oid = 'cache_entries'::regclass", &[])?;
    let place: String = column(&rows[0], 0)?;
    session.execute(&format!("SELECT heap_force_freeze('pg_class', ARRAY['{place}'::tid])"))?;
    session.end("COMMIT")
}

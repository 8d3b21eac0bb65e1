//! Errors that the extension catches and raises again.

use anyhow::{Context, Result};
use cache_pg_attack_tests::Scene;

/// A trigger whose function raises an error of the extension, in a statement of the extension.
const TRIGGER: &str = "
    CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN PERFORM cache_get(repeat('k', 6000)); END$$;
    CREATE TRIGGER refuse BEFORE INSERT ON cache_entries FOR EACH ROW EXECUTE FUNCTION refuse()";

/// Calls that catch the error in different places.
const CALLS: [&str; 4] = [
    "SELECT cache_set('a', '1')",
    "SELECT cache_get_or_set('a', 'SELECT 1')",
    "SELECT cache_get_or_set('a', $$SELECT cache_get(repeat('k', 6000))$$)",
    "DO $$BEGIN PERFORM cache_set('a', '1'); EXCEPTION WHEN OTHERS THEN RAISE; END$$",
];

#[test]
fn an_error_that_is_raised_again_has_lost_nothing() -> Result<()> {
    let mut scene = Scene::new("errors")?;
    scene.owner.batch_execute(TRIGGER)?;
    for call in CALLS {
        let error = scene.owner.batch_execute(call).err().with_context(|| format!("no error: {call}"))?;
        let error = error.as_db_error().with_context(|| format!("not an error of the server: {call}"))?;
        let parts = (error.code().code(), error.file(), error.routine(), error.line().is_some());
        assert_eq!(parts, ("22023", Some("report.rs"), Some("cache_pg"), true), "{call}");
        assert_eq!(error.detail(), Some("It is 6000 bytes long, but the limit is 512."), "{call}");
        assert!(error.hint().is_some() && error.where_().is_some_and(|it| it.contains("6000")), "{call}: {error:?}");
        assert!(!error.where_().unwrap_or_default().contains("cache_entries"), "{call}: {error:?}");
    }
    scene.owner.batch_execute("DROP TRIGGER refuse ON cache_entries")?;
    scene.unharmed()
}

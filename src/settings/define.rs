//! How a setting is defined.
//!
//! Owns the form of a definition, and the context of the settings that decide how much shared memory there is. Must
//! never know a setting.

use crate::pg::backend;
use pgrx::GucContext;

/// A day, in milliseconds: the largest value of several settings.
pub(super) const DAY_MS: i32 = 86_400_000;

/// Postmaster, if the library is being preloaded. Otherwise these settings have no effect, and with that context
/// PostgreSQL would warn in each session that a value from the configuration file cannot be changed without a restart.
pub(super) fn memory_context() -> GucContext {
    if backend::is_preloading() { GucContext::Postmaster } else { GucContext::Sighup }
}

/// Declares settings and the function that defines them. Each has its default and its range, the role or the moment
/// that may change it, its unit, its name, and the two texts of `pg_settings`. A truth value has no range and no unit.
macro_rules! settings {
    ($(#[$doc:meta])* fn $register:ident(); $($(#[$why:meta])* $setting:ident: $kind:ident = $default:expr
       $(, $least:expr => $most:expr)?; $context:expr $(, $unit:ident)?; $name:literal, $short:literal, $long:expr;)+) => {
        $($(#[$why])* static $setting: pgrx::GucSetting<$kind> = pgrx::GucSetting::<$kind>::new($default);)+

        $(#[$doc])*
        pub(super) fn $register() {
            use pgrx::{GucFlags, GucRegistry};
            $(settings!(@$kind $setting, $name, $short, $long, $context, [$($least, $most)?], [$($unit)?]);)+
        }
    };
    (@bool $setting:ident, $name:expr, $short:expr, $long:expr, $context:expr, [], []) => {
        GucRegistry::define_bool_guc($name, $short, $long, &$setting, $context, GucFlags::empty())
    };
    (@i32 $setting:ident, $name:expr, $short:expr, $long:expr, $context:expr, [$least:expr, $most:expr], $unit:tt) => {
        GucRegistry::define_int_guc($name, $short, $long, &$setting, $least, $most, $context, settings!(@unit $unit))
    };
    (@f64 $setting:ident, $name:expr, $short:expr, $long:expr, $context:expr, [$least:expr, $most:expr], []) => {
        GucRegistry::define_float_guc($name, $short, $long, &$setting, $least, $most, $context, GucFlags::empty())
    };
    (@Errors $setting:ident, $name:expr, $short:expr, $long:expr, $context:expr, [], []) => {
        GucRegistry::define_enum_guc($name, $short, $long, &$setting, $context, GucFlags::empty())
    };
    (@unit []) => { GucFlags::empty() };
    (@unit [$unit:ident]) => { GucFlags::$unit };
}
pub(super) use settings;

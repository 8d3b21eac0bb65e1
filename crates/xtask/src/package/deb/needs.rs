//! Owns the finding of what a library needs of the system that loads it: the packages of Debian and their versions.
//!
//! Must never ask the system that builds: a library that needs less than the build's glibc installs on older systems.

use anyhow::{Context, Result, bail};
use object::Endianness;
use object::elf::DT_NEEDED;
use object::read::elf::{Dyn, ElfFile64, FileHeader};

/// A version that every glibc with relative relocations has, and the first that had them.
const RELATIVE_RELOCATIONS: (&str, &str) = ("ABI_DT_RELR", "2.36");

/// The packages that `library` needs besides PostgreSQL, in order, such as `libc6 (>= 2.34)`.
///
/// # Errors
/// When it is not a 64-bit ELF file, or needs a library whose package is not known here.
pub fn packages(library: &[u8]) -> Result<Vec<String>> {
    let file = ElfFile64::<Endianness>::parse(library).context("the library is not a 64-bit ELF file")?;
    let mut needs = Vec::new();
    for needed in libraries(&file, library)? {
        let (package, prefix) = package_of(&needed)?;
        if !needs.iter().any(|(known, _)| *known == package) {
            needs.push((package, prefix));
        }
    }
    let versions = versions(&file, library)?;
    let mut shown = Vec::new();
    for (package, prefix) in needs {
        let of_package = versions.iter().filter_map(|version| version.strip_prefix(prefix));
        shown.push(match highest(of_package)? {
            Some(version) => format!("{package} (>= {version})"),
            None => package.to_owned(),
        });
    }
    shown.sort();
    Ok(shown)
}

/// The package that has a library, and how the names of its versions begin.
fn package_of(library: &str) -> Result<(&'static str, &'static str)> {
    match library {
        "libc.so.6" | "libm.so.6" | "libdl.so.2" | "libpthread.so.0" | "librt.so.1" => Ok(("libc6", "GLIBC_")),
        _ if library.starts_with("ld-linux") => Ok(("libc6", "GLIBC_")),
        "libgcc_s.so.1" => Ok(("libgcc-s1", "GCC_")),
        _ => bail!("the library needs {library}, and it is not known which package of Debian has it"),
    }
}

/// The shared libraries that the system loads with it.
fn libraries(file: &ElfFile64<'_>, data: &[u8]) -> Result<Vec<String>> {
    let (endian, sections) = (file.elf_header().endian()?, file.elf_section_table());
    let Some((entries, strings)) = sections.dynamic(endian, data)? else { return Ok(Vec::new()) };
    let strings = sections.strings(endian, data, strings)?;
    let needed = entries.iter().filter(|entry| entry.tag32(endian) == Some(DT_NEEDED));
    needed.map(|entry| Ok(String::from_utf8(entry.string(endian, strings)?.to_vec())?)).collect()
}

/// The versions of symbols that it needs, such as `GLIBC_2.34`.
fn versions(file: &ElfFile64<'_>, data: &[u8]) -> Result<Vec<String>> {
    let (endian, sections) = (file.elf_header().endian()?, file.elf_section_table());
    let Some((needs, strings)) = sections.gnu_verneed(endian, data)? else { return Ok(Vec::new()) };
    let strings = sections.strings(endian, data, strings)?;
    let mut versions = Vec::new();
    for need in needs {
        for version in need?.1 {
            versions.push(String::from_utf8(version?.name(endian, strings)?.to_vec())?);
        }
    }
    Ok(versions)
}

/// The highest of them, without zeros at its end; none of none.
fn highest<'a>(versions: impl Iterator<Item = &'a str>) -> Result<Option<String>> {
    let mut highest: Option<Vec<u32>> = None;
    for version in versions {
        let number = if version == RELATIVE_RELOCATIONS.0 { RELATIVE_RELOCATIONS.1 } else { version };
        let parts: Result<Vec<u32>, _> = number.split('.').map(str::parse).collect();
        let parts = parts.with_context(|| format!("the library needs the version {version:?}, which has no number"))?;
        highest = highest.max(Some(parts));
    }
    Ok(highest.map(|mut parts| {
        while parts.len() > 2 && parts.last() == Some(&0) {
            parts.pop();
        }
        parts.iter().map(u32::to_string).collect::<Vec<_>>().join(".")
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(versions: &[&str]) -> Result<Option<String>> {
        highest(versions.iter().copied())
    }

    #[test]
    fn the_highest_version_is_the_highest_number_not_the_last_word() {
        assert_eq!(of(&["2.34", "2.4", "2.2.5"]).unwrap().as_deref(), Some("2.34"));
        assert_eq!(of(&["2.9", "2.28"]).unwrap().as_deref(), Some("2.28"));
        assert_eq!(of(&["3.0", "4.2.0"]).unwrap().as_deref(), Some("4.2"));
        assert_eq!(of(&["2.17", "ABI_DT_RELR"]).unwrap().as_deref(), Some("2.36"));
        assert_eq!(of(&[]).unwrap(), None);
        assert!(of(&["PRIVATE"]).is_err());
    }

    #[test]
    fn the_needs_of_a_program_are_those_of_its_dynamic_symbols() {
        let own = std::fs::read(std::env::current_exe().unwrap()).unwrap();
        let needs = packages(&own).unwrap();
        assert_eq!(needs.len(), 2, "{needs:?}");
        assert!(needs[0].starts_with("libc6 (>= 2."), "{needs:?}");
        assert!(needs[1].starts_with("libgcc-s1 (>= "), "{needs:?}");
    }

    #[test]
    fn a_library_of_an_unknown_package_is_refused() {
        assert_eq!(package_of("libm.so.6").unwrap().0, "libc6");
        assert!(package_of("libssl.so.3").unwrap_err().to_string().contains("libssl.so.3"));
        assert!(packages(b"no library").is_err());
    }
}

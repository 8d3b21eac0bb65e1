//! Owns the reading of a Dockerfile: those instructions that the images of this project use.
//!
//! Must never guess: an instruction, a flag or a variable that it does not know is an error.

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail, ensure};

/// Variables and their values.
pub type Variables = BTreeMap<String, String>;

/// One instruction. Its texts still have variables, except for `Run`, whose shell expands them.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Instruction {
    /// A variable of the build, and its default.
    Arg { name: String, default: Option<String> },
    /// A new stage from an image, and its name.
    From { image: String, name: Option<String> },
    /// A variable of the image.
    Env { name: String, value: String },
    /// Files of the context, or of another stage, and where they go.
    Copy { from: Option<String>, sources: Vec<String>, target: String },
    /// A script for the shell.
    Run(String),
    /// The user of the server.
    User(String),
}

/// The instructions of the Dockerfile `text`, in order.
///
/// # Errors
/// When one is not known here; the message names it.
pub fn parse(text: &str) -> Result<Vec<Instruction>> {
    logical_lines(text).iter().map(|line| instruction(line).with_context(|| format!("in {line:?}"))).collect()
}

/// The lines without comments, each joined with those that continue it.
fn logical_lines(text: &str) -> Vec<String> {
    let mut lines = Vec::new();
    let mut open = String::new();
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')) {
        match line.strip_suffix('\\') {
            Some(begun) => open += begun,
            None => lines.push(std::mem::take(&mut open) + line),
        }
    }
    lines.extend((!open.is_empty()).then_some(open));
    lines
}

fn instruction(line: &str) -> Result<Instruction> {
    let (name, rest) = line.split_once(' ').context("it has no argument")?;
    let words: Vec<&str> = rest.split_whitespace().collect();
    Ok(match (name, words.as_slice()) {
        ("RUN", [first, ..]) => {
            ensure!(!first.starts_with("--") && !first.starts_with('['), "only the plain form of RUN is known");
            Instruction::Run(rest.trim().to_owned())
        }
        ("ARG", [one]) => match one.split_once('=') {
            Some((name, default)) => Instruction::Arg { name: name.to_owned(), default: Some(default.to_owned()) },
            None => Instruction::Arg { name: (*one).to_owned(), default: None },
        },
        ("FROM", [image]) => Instruction::From { image: (*image).to_owned(), name: None },
        ("FROM", [image, "AS", name]) => {
            Instruction::From { image: (*image).to_owned(), name: Some((*name).to_owned()) }
        }
        ("ENV", [one]) => {
            let (name, value) = one.split_once('=').context("it has no value")?;
            Instruction::Env { name: name.to_owned(), value: value.to_owned() }
        }
        ("USER", [user]) => Instruction::User((*user).to_owned()),
        ("COPY", words) => copy(words)?,
        _ => bail!("it is not known here"),
    })
}

fn copy(words: &[&str]) -> Result<Instruction> {
    let (from, words) = match words {
        [flag, rest @ ..] if flag.starts_with("--") => {
            (Some(flag.strip_prefix("--from=").context("the flag is not known here")?.to_owned()), rest)
        }
        all => (None, all),
    };
    let [sources @ .., target] = words else { bail!("it has no target") };
    ensure!(!sources.is_empty(), "it has no source");
    ensure!(target.ends_with('/'), "its target is not a folder, which ends with a slash");
    let sources = sources.iter().map(|source| (*source).to_owned()).collect();
    Ok(Instruction::Copy { from, sources, target: (*target).to_owned() })
}

/// `text` with the values of `variables` in place of `${NAME}`.
///
/// # Errors
/// When a variable has no value, or `$` is used in another way.
pub fn expand(text: &str, variables: &Variables) -> Result<String> {
    let mut parts = text.split('$');
    let mut expanded = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (name, rest) = part
            .strip_prefix('{')
            .and_then(|part| part.split_once('}'))
            .with_context(|| format!("only ${{NAME}} is known here: {text:?}"))?;
        expanded += variables.get(name).with_context(|| format!("{name} has no value here: {text:?}"))?;
        expanded += rest;
    }
    Ok(expanded)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instructions_are_read_with_the_lines_that_continue_them() {
        let text = |name: &str| name.to_owned();
        let found = parse(
            "# a\nARG A=1\nFROM b:${A} AS c\n\nRUN one \\\n  # no\n && two\nCOPY --from=c x y /z/\nENV E=f\nUSER 1\n",
        )
        .unwrap();
        assert_eq!(
            found,
            [
                Instruction::Arg { name: text("A"), default: Some(text("1")) },
                Instruction::From { image: text("b:${A}"), name: Some(text("c")) },
                Instruction::Run(text("one && two")),
                Instruction::Copy { from: Some(text("c")), sources: vec![text("x"), text("y")], target: text("/z/") },
                Instruction::Env { name: text("E"), value: text("f") },
                Instruction::User(text("1")),
            ]
        );
    }

    #[test]
    fn nothing_unknown_is_passed_over() {
        for unknown in
            ["VOLUME /x", "RUN --mount=type=bind x", "RUN [\"x\"]", "COPY --chown=1 a /b/", "COPY a /b", "ADD a /b/"]
        {
            let error = format!("{:#}", parse(unknown).unwrap_err());
            assert!(error.contains(unknown.split(' ').next().unwrap()), "{error}");
        }
    }

    #[test]
    fn variables_without_a_value_are_errors() {
        let variables = Variables::from([("A".to_owned(), "1".to_owned())]);
        assert_eq!(expand("x-${A}-${A}.deb", &variables).unwrap(), "x-1-1.deb");
        assert!(expand("${B}", &variables).is_err());
        assert!(expand("$A", &variables).is_err());
    }
}

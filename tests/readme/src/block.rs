//! The code blocks of a Markdown text.
//!
//! Must need nothing but the standard library: the build script reads the pages with it too.

/// A fenced code block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Block {
    /// The line of its opening fence, from 1.
    pub line: usize,
    /// The first word after the fence; empty where there is none.
    pub language: String,
    /// The other words after the fence.
    pub words: Vec<String>,
    /// What stands between the fences, each line with its newline.
    pub text: String,
}

impl Block {
    /// Whether `word` stands after the language.
    pub fn says(&self, word: &str) -> bool {
        self.words.iter().any(|said| said == word)
    }

    /// Whether it is in `language`, and to be run.
    pub fn is_run(&self, language: &str) -> bool {
        self.language == language && !self.says("no-run")
    }

    /// Its name among the blocks of all pages.
    pub fn name(&self, page: &str) -> String {
        format!("{page}:{}", self.line)
    }
}

/// All fenced code blocks of `markdown`, in order. A fence may be indented, as in a list; its block is then
/// unindented as far.
pub fn parse(markdown: &str) -> Vec<Block> {
    const FENCE: &str = "```";
    let mut blocks = Vec::new();
    let mut open: Option<(usize, Block)> = None;
    for (number, line) in markdown.lines().enumerate() {
        let indent = line.len() - line.trim_start().len();
        match (&mut open, line.trim_start().strip_prefix(FENCE)) {
            (None, Some(info)) => {
                let mut words = info.split_whitespace().map(str::to_owned);
                let language = words.next().unwrap_or_default();
                let block = Block { line: number + 1, language, words: words.collect(), text: String::new() };
                open = Some((indent, block));
            }
            (Some(_), Some("")) => blocks.extend(open.take().map(|(_, block)| block)),
            (Some((outer, block)), _) => {
                block.text.push_str(&line[indent.min(*outer)..]);
                block.text.push('\n');
            }
            (None, None) => {}
        }
    }
    blocks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_come_in_order_with_their_words() {
        let blocks = parse("a\n```sql error\nSELECT 1;\n\n  x\n```\nb\n```\ny\n```\n");
        assert_eq!(blocks.len(), 2);
        assert_eq!((blocks[0].language.as_str(), blocks[0].line), ("sql", 2));
        assert!(blocks[0].says("error") && !blocks[0].says("no-run"));
        assert!(blocks[0].is_run("sql") && !blocks[0].is_run("ts"));
        assert_eq!(blocks[0].name("docs/x.md"), "docs/x.md:2");
        assert_eq!(blocks[0].text, "SELECT 1;\n\n  x\n");
        assert_eq!((blocks[1].language.as_str(), blocks[1].text.as_str()), ("", "y\n"));
    }

    #[test]
    fn a_block_in_a_list_loses_the_indent_of_its_fence() {
        let blocks = parse("- one\n  ```sh\n  a\n    b\n  ```\n");
        assert_eq!(blocks[0].text, "a\n  b\n");
    }

    #[test]
    fn a_block_that_is_not_closed_is_none() {
        assert!(parse("```sql\nSELECT 1;\n").is_empty());
    }
}

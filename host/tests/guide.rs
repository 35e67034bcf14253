//! "A mapping in ten minutes" of `guest-mappings/README.md`, done as it stands there: files are written, commands are
//! typed, and what they say is held against what the guide shows. A step that fails, or says something else, fails here.
//!
//! | in the guide | here |
//! |---|---|
//! | a block behind a paragraph that ends in "`FILE`:" | that file; a `diff` block changes it |
//! | `$ COMMAND` in a `console` block | is run, and must succeed, unless a line `turntable: …` shows that it fails |
//! | the lines below it | its output; without any it is not looked at |
//! | `$ COMMAND &` | is left running once it has said the lines below |
//! | a `console` block without `$` | what the last of those says next |
//! | `…` | anything; on a line of its own, any lines |
//!
//! Nothing but cargo is needed: `turntable` is the binary under test, and `curl` is done here. The server listens where
//! there is a free port, which stands for the guide's; it begins without the shipped mappings, which take time.

use std::collections::VecDeque;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

const CHAPTER: &str = "## A mapping in ten minutes";
/// Where the guide's server listens.
const ADDRESS: &str = "127.0.0.1:8080";
/// For one command, or one line of one that keeps running: cargo may have the SDK to compile.
const PATIENCE: Duration = Duration::from_secs(600);
/// Commands that talk to a server, by their first words.
const CLIENTS: [&[&str]; 4] = [&["load"], &["activate"], &["rollback"], &["mapping", "dev"]];

#[test]
fn the_guide_works_as_it_stands() {
    let readme = Path::new(env!("CARGO_MANIFEST_DIR")).join("../guest-mappings/README.md");
    let readme = fs::read_to_string(readme).expect("the README");
    let steps = steps(&readme);
    assert!(steps.iter().filter(|step| matches!(step, Step::Run { .. })).count() > 5, "{steps:#?}");
    // The same place each time, and so for cargo the same crate. What is compiled is kept, the rest begins anew.
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("guide");
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).expect("a folder");
    let mut reader = Reader { folder: &folder, running: Vec::new(), address: None };
    for step in steps {
        reader.take(step);
    }
}

#[derive(Debug)]
enum Step {
    Write { file: String, text: String },
    Patch { file: String, diff: Vec<String> },
    Run { command: String, expected: Vec<String>, background: bool },
    Await { expected: Vec<String> },
}

/// The steps of the chapter, in order.
fn steps(readme: &str) -> Vec<Step> {
    let chapter = readme.split_once(CHAPTER).unwrap_or_else(|| panic!("no {CHAPTER}")).1;
    let chapter = chapter.split("\n## ").next().expect("a split has a first part");
    let mut steps = Vec::new();
    let mut lines = chapter.lines();
    let mut paragraph = "";
    while let Some(line) = lines.next() {
        let Some(language) = line.strip_prefix("```") else {
            paragraph = if line.trim().is_empty() { paragraph } else { line };
            continue;
        };
        let block: Vec<String> = lines.by_ref().take_while(|line| *line != "```").map(str::to_owned).collect();
        let file = paragraph.strip_suffix("`:").and_then(|text| text.rsplit_once('`')).map(|(_, file)| file.to_owned());
        paragraph = "";
        match (language, file) {
            ("console", None) => session(block, &mut steps),
            ("diff", Some(file)) => steps.push(Step::Patch { file, diff: block }),
            (_, Some(file)) => steps.push(Step::Write { file, text: block.join("\n") + "\n" }),
            (language, None) => panic!("a block of {language} is no session and has no `FILE`: before it"),
        }
    }
    steps
}

fn session(block: Vec<String>, steps: &mut Vec<Step>) {
    let mut block = VecDeque::from(block);
    let said = |block: &mut VecDeque<String>| {
        let mut lines = Vec::new();
        while block.front().is_some_and(|line| !line.starts_with("$ ")) {
            lines.extend(block.pop_front());
        }
        lines
    };
    let expected = said(&mut block);
    if !expected.is_empty() {
        steps.push(Step::Await { expected });
    }
    while let Some(command) = block.pop_front() {
        let command = command.trim_start_matches("$ ");
        let (command, background) = match command.strip_suffix(" &") {
            Some(command) => (command, true),
            None => (command, false),
        };
        steps.push(Step::Run { command: command.to_owned(), expected: said(&mut block), background });
    }
}

/// Somebody who does what the guide says.
struct Reader<'a> {
    folder: &'a Path,
    running: Vec<Program>,
    /// Where the server really listens.
    address: Option<String>,
}

struct Program {
    command: String,
    child: Child,
    lines: Receiver<String>,
}

impl Reader<'_> {
    fn take(&mut self, step: Step) {
        match step {
            Step::Write { file, text } => {
                let file = self.folder.join(file);
                fs::create_dir_all(file.parent().expect("a file is in a folder")).expect("the folder");
                fs::write(file, text).expect("the file");
            }
            Step::Patch { file, diff } => {
                let path = self.folder.join(&file);
                let text = fs::read_to_string(&path).expect("the file that is changed");
                let side = |other: char| {
                    let lines = diff.iter().filter(|line| !line.starts_with(other));
                    lines.map(|line| line.get(1..).unwrap_or_default().to_owned() + "\n").collect::<String>()
                };
                let (before, after) = (side('+'), side('-'));
                assert_eq!(text.matches(&before).count(), 1, "{file}: these lines are to stand there once:\n{before}");
                fs::write(path, text.replacen(&before, &after, 1)).expect("the file");
            }
            Step::Run { command, expected, background: true } => {
                let program = self.start(&command);
                self.running.push(program);
                self.hear(&expected);
            }
            Step::Run { command, expected, background: false } => self.run(&command, &expected),
            Step::Await { expected } => self.hear(&expected),
        }
    }

    fn run(&self, command: &str, expected: &[String]) {
        let (succeeded, said) = if command.starts_with("curl ") {
            (true, self.curl(&words(command)))
        } else {
            let Program { mut child, lines, .. } = self.start(command);
            let until = Instant::now() + PATIENCE;
            let status = loop {
                match child.try_wait().expect("it can be waited for") {
                    Some(status) => break status,
                    None if Instant::now() > until => {
                        child.kill().expect("it can be ended");
                        panic!("$ {command}\ndoes not end");
                    }
                    None => thread::sleep(Duration::from_millis(10)),
                }
            };
            (status.success(), lines.iter().collect::<Vec<_>>())
        };
        let shown = said.join("\n");
        let fails = expected.iter().any(|line| line.starts_with("turntable: "));
        assert_eq!(succeeded, !fails, "$ {command}\n{shown}");
        let said: Vec<_> = said.iter().map(|line| self.as_shown(line)).collect();
        let fits = expected.is_empty() || fits(expected, &said);
        assert!(fits, "$ {command}\n{shown}\n\nand the guide shows\n\n{}", expected.join("\n"));
    }

    /// What the last program left running says next.
    fn hear(&mut self, expected: &[String]) {
        let program = self.running.last().expect("something that was left running");
        let mut said: Vec<String> = Vec::new();
        let mut address = None;
        while !fits(expected, &said) {
            match program.lines.recv_timeout(PATIENCE) {
                Ok(line) => {
                    if let Some(at) = line.strip_prefix("listening on http://") {
                        address = Some(at.to_owned());
                        said.push(line.replace(at, ADDRESS));
                    } else {
                        said.push(self.as_shown(&line));
                    }
                }
                Err(error) => {
                    let why = if error == RecvTimeoutError::Timeout { "says no more" } else { "has ended" };
                    let (said, expected) = (said.join("\n"), expected.join("\n"));
                    panic!("$ {} &\n{said}\n\n{why}, and the guide shows\n\n{expected}", program.command);
                }
            }
        }
        self.address = address.or(self.address.take());
    }

    fn start(&self, command: &str) -> Program {
        let words = words(command);
        let (program, arguments) = words.split_first().expect("a command");
        assert_eq!(program, "turntable", "a guide that needs nothing else");
        let mut run = Command::new(env!("CARGO_BIN_EXE_turntable"));
        run.args(arguments).current_dir(self.folder).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        run.env("TURNTABLE_LISTEN", "127.0.0.1:0").env("TURNTABLE_LOG", "error");
        run.env("CARGO_TARGET_DIR", Path::new(env!("CARGO_TARGET_TMPDIR")).join("guide-target"));
        if let Some(address) =
            self.address.as_ref().filter(|_| CLIENTS.iter().any(|first| arguments.starts_with(&as_words(first))))
        {
            run.args(["--server", &format!("http://{address}")]);
        }
        let mut child = run.spawn().expect("it runs");
        let (say, lines) = channel();
        let out = child.stdout.take().expect("its output");
        let err = child.stderr.take().expect("its errors");
        thread::spawn(move || {
            // Beside each other they would mix: errors come behind, as a command ends with them.
            let errors = thread::spawn(move || BufReader::new(err).lines().map_while(Result::ok).collect::<Vec<_>>());
            let out = BufReader::new(out).lines().map_while(Result::ok);
            out.for_each(|line| drop(say.send(line)));
            errors.join().unwrap_or_default().into_iter().for_each(|line| drop(say.send(line)));
        });
        Program { command: command.to_owned(), child, lines }
    }

    /// `curl` with `-X`, `-H` and `-d`, to the server.
    fn curl(&self, words: &[String]) -> Vec<String> {
        let address = self.address.as_deref().expect("a server that listens");
        let (mut method, mut headers, mut body, mut path) = (None, Vec::new(), String::new(), None);
        let mut words = words.iter().skip(1);
        while let Some(word) = words.next() {
            let mut value = || words.next().unwrap_or_else(|| panic!("curl {word} has no value")).clone();
            match word.as_str() {
                "-X" => method = Some(value()),
                "-H" => headers.push(value()),
                "-d" => body = value(),
                url => path = url.strip_prefix("http://").and_then(|url| url.strip_prefix(ADDRESS)),
            }
        }
        let path = path.expect("an address of the server");
        let method = method.unwrap_or_else(|| if body.is_empty() { "GET" } else { "POST" }.to_owned());
        let mut request = format!("{method} {path} HTTP/1.0\r\nHost: {address}\r\nContent-Length: {}\r\n", body.len());
        headers.iter().for_each(|header| request.extend([header, "\r\n"]));
        request.extend(["\r\n", &body]);
        let mut answer = String::new();
        let mut stream = TcpStream::connect(address).expect("the server");
        stream.set_read_timeout(Some(PATIENCE)).expect("a time limit");
        stream.write_all(request.as_bytes()).expect("the request");
        stream.read_to_string(&mut answer).expect("the answer");
        let (head, body) = answer.split_once("\r\n\r\n").expect("an answer of HTTP");
        let status = head.split(' ').nth(1).unwrap_or_default();
        assert!(status.starts_with('2'), "{words:?}\n{answer}");
        body.lines().map(str::to_owned).collect()
    }

    fn as_shown(&self, line: &str) -> String {
        self.address.as_ref().map_or_else(|| line.to_owned(), |address| line.replace(address, ADDRESS))
    }
}

impl Drop for Reader<'_> {
    fn drop(&mut self) {
        for program in &mut self.running {
            let _ = program.child.kill();
            let _ = program.child.wait();
        }
    }
}

fn as_words(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

/// A command's words; within '…' a space is no end of one.
fn words(command: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    for (at, part) in command.split('\'').enumerate() {
        let quoted = at % 2 == 1;
        for (at, piece) in part.split(' ').enumerate() {
            if at > 0 && !quoted {
                words.push(String::new());
            }
            let word = words.last_mut().expect("there is one from the beginning");
            if at > 0 && quoted {
                word.push(' ');
            }
            word.push_str(piece);
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

/// Whether lines are as the guide shows them.
fn fits(expected: &[String], said: &[String]) -> bool {
    match expected.split_first() {
        None => said.is_empty(),
        Some((any, rest)) if any == "…" => (0..=said.len()).any(|skipped| fits(rest, &said[skipped..])),
        Some((line, rest)) => said.first().is_some_and(|first| line_fits(line, first)) && fits(rest, &said[1..]),
    }
}

fn line_fits(expected: &str, said: &str) -> bool {
    match expected.split_once('…') {
        None => expected == said,
        Some((start, rest)) => said.strip_prefix(start).is_some_and(|said| {
            said.char_indices().map(|(at, _)| at).chain([said.len()]).any(|at| line_fits(rest, &said[at..]))
        }),
    }
}

#[test]
fn what_varies_may_vary_and_nothing_else() {
    let check = |expected: &str, said: &str, fit: bool| {
        let lines = |text: &str| text.lines().map(str::to_owned).collect::<Vec<_>>();
        assert_eq!(fits(&lines(expected), &lines(said)), fit, "{expected:?} {said:?}");
    };
    check("a\nb", "a\nb", true);
    check("a", "a\nb", false);
    check("a\nb", "a", false);
    check("a\n…", "a\nb\nc", true);
    check("…\nc", "a\nb\nc", true);
    check("…\nd", "a\nb\nc", false);
    check("after … ms (…)", "after 12 ms (3)", true);
    check("after … ms", "after 12 s", false);
    check("…", "", true);
}

#[test]
fn the_notation_is_read() {
    let readme = format!(
        "# x\n```sh\nno\n```\n{CHAPTER}\nIn `a` and `b/c`:\n\n```yaml\nx: 1\n```\n`b/c`:\n```diff\n x: 1\n+y: 2\n```\n\
         ```console\n$ one 'two three'\nout\n$ four &\n```\nLater:\n```console\nmore\n```\n## Next\n```sh\nno\n```\n"
    );
    let steps: Vec<_> = steps(&readme).iter().map(|step| format!("{step:?}")).collect();
    assert_eq!(
        steps,
        [
            r#"Write { file: "b/c", text: "x: 1\n" }"#,
            r#"Patch { file: "b/c", diff: [" x: 1", "+y: 2"] }"#,
            r#"Run { command: "one 'two three'", expected: ["out"], background: false }"#,
            r#"Run { command: "four", expected: [], background: true }"#,
            r#"Await { expected: ["more"] }"#,
        ]
    );
    assert_eq!(words("curl -d '{\"a\": 1}' 'x y'z"), ["curl", "-d", "{\"a\": 1}", "x yz"]);
}

//! House rules that a compiler does not hold: the arrows between crates, purity, licences, fixtures,
//! the tables of tests, the planted defects, the layout at the top. It also prints the longest files and
//! functions, without judging them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

/// What each member may depend on inside the workspace, in any kind of dependency.
const ARROWS: [(&str, &[&str]); 9] = [
    ("sip", &[]),
    ("acd", &[]),
    ("media", &[]),
    ("call", &["acd", "sip"]),
    ("server", &["acd", "call", "media", "sip"]),
    ("sim", &["acd", "call", "sip"]),
    ("kit", &["server"]),
    ("tests", &["kit"]),
    ("benches", &["acd", "call", "media", "server", "sip"]),
];

/// The crates that decide and never wait.
const PURE: [&str; 3] = ["sip", "acd", "call"];

/// What a pure crate must not even reach.
const IMPURE: [&str; 5] = ["tokio", "mio", "socket2", "rusqlite", "libsqlite3-sys"];

/// Clocks and unseeded randomness. rsip's `default()` of a tag, a branch or a Call-ID draws one.
const IMPURE_CALLS: [&str; 9] = [
    "Instant::now",
    "SystemTime::now",
    "Utc::now",
    "Local::now",
    "Tag::default",
    "Branch::default",
    "CallId::default",
    "from_os_rng",
    "thread_rng",
];

const LICENCES: [&str; 11] = [
    "0BSD",
    "Apache-2.0",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "BSL-1.0",
    "ISC",
    "MIT",
    "MIT-0",
    "Unicode-3.0",
    "Unlicense",
    "Zlib",
];

/// Packages without a licence field, and what their licence text is.
const LICENCE_BY_TEXT: [(&str, &str); 2] = [("rsip", "MIT"), ("rsip-derives", "MIT")];

/// What the relay must not be linked with: formats and stores.
const KEEPS_AUDIO: [&str; 3] = ["hound", "rusqlite", "tokio"];

const TOP: [&str; 10] = [
    "Cargo.lock",
    "Cargo.toml",
    "LICENSE",
    "README.md",
    "benches",
    "config",
    "crates",
    "deploy",
    "sip-fixtures",
    "tests",
];

#[test]
fn crates_depend_only_along_the_arrows() -> Result<()> {
    let graph = Graph::read()?;
    let members: BTreeSet<&str> = graph.members.iter().map(String::as_str).collect();
    let arrows = BTreeMap::from(ARROWS);
    ensure!(members == arrows.keys().copied().collect(), "members: {members:?}");
    let mut wrong = Vec::new();
    for member in &members {
        for (to, _) in &graph.arrows[*member] {
            if members.contains(to.as_str()) && !arrows[member].contains(&to.as_str()) {
                wrong.push(format!("{member} → {to}"));
            }
        }
    }
    ensure!(wrong.is_empty(), "arrows that the design does not have: {wrong:?}");
    Ok(())
}

#[test]
fn pure_crates_reach_no_runtime_no_socket_and_no_database() -> Result<()> {
    let graph = Graph::read()?;
    for root in PURE {
        let reached = graph.reach(root);
        let wrong: Vec<_> = IMPURE.iter().filter(|name| reached.contains(**name)).collect();
        ensure!(wrong.is_empty(), "{root} reaches {wrong:?}");
        ensure!(reached.contains("serde"), "{root} reaches nothing: is the graph read right?");
    }
    Ok(())
}

#[test]
fn pure_crates_read_no_clock_and_draw_no_unseeded_numbers() -> Result<()> {
    let mut wrong = Vec::new();
    for name in PURE {
        for path in sources(&root().join("crates").join(name).join("src"))? {
            for (index, line) in fs::read_to_string(&path)?.lines().enumerate() {
                let code = line.split("//").next().unwrap_or_default();
                if IMPURE_CALLS.iter().any(|call| code.contains(call)) {
                    wrong.push(format!("{}:{}: {}", shown(&path), index + 1, line.trim()));
                }
            }
        }
    }
    ensure!(wrong.is_empty(), "a pure crate asks the world:\n{}", wrong.join("\n"));
    Ok(())
}

/// Audio is read from prompts and sent to legs; nothing but a test may write it.
#[test]
fn no_code_path_writes_audio() -> Result<()> {
    let graph = Graph::read()?;
    let reached = graph.reach("media");
    let keeps: Vec<_> = KEEPS_AUDIO.iter().filter(|name| reached.contains(**name)).collect();
    ensure!(keeps.is_empty(), "the relay could keep what it hears by way of {keeps:?}");
    let mut wrong = Vec::new();
    for path in sources(&root().join("crates"))? {
        let name = shown(&path);
        if name.contains("/tests/") || name.ends_with("/tests.rs") {
            continue;
        }
        if let Some(word) = writes_audio(&name, &fs::read_to_string(&path)?) {
            wrong.push(format!("{name}: {word}"));
        }
    }
    ensure!(wrong.is_empty(), "these could write what was said in a call: {wrong:?}");
    Ok(())
}

#[test]
fn a_recorder_would_be_noticed() {
    let relay = "crates/media/src/thread.rs";
    let prompts = "crates/server/src/prompts.rs";
    for (name, source) in [
        (relay, "let file = std::fs::File::create(path)?;"),
        (relay, "use std::io::Write as _;"),
        (relay, "unsafe { libc::open(path) }"),
        (prompts, "fs::write(path, samples)?;"),
        (prompts, "OpenOptions::new().append(true)"),
        ("crates/server/src/driver.rs", "hound::WavWriter::create(path, spec)"),
    ] {
        assert!(writes_audio(name, source).is_some(), "{source}");
    }
    assert!(writes_audio(prompts, "File::open(file)?.take(9)").is_none());
    let in_a_test = "fn ear() {}\n#[cfg(test)]\nmod tests {\n    use std::fs::File;";
    assert!(writes_audio(relay, in_a_test).is_none());
}

#[test]
fn every_dependency_has_a_licence_that_lets_us_ship() -> Result<()> {
    let by_text = BTreeMap::from(LICENCE_BY_TEXT);
    let metadata = metadata()?;
    let mut wrong = Vec::new();
    for package in list(&metadata["packages"])? {
        let name = text(&package["name"])?;
        let licence = package["license"].as_str().or(by_text.get(name).copied());
        if !licence.is_some_and(is_allowed) {
            wrong.push(format!("{name}: {licence:?}"));
        }
    }
    ensure!(wrong.is_empty(), "not on the list of licences: {wrong:?}");
    Ok(())
}

#[test]
fn licence_expressions_are_read_as_spdx_means_them() {
    for allowed in ["MIT", "MIT/Apache-2.0", "GPL-3.0 OR MIT", "(MIT OR GPL-2.0) AND Unicode-3.0"] {
        assert!(is_allowed(allowed), "{allowed}");
    }
    for refused in ["GPL-3.0", "MIT AND GPL-3.0", "(GPL-2.0 OR LGPL-2.1) AND MIT", ""] {
        assert!(!is_allowed(refused), "{refused}");
    }
}

#[test]
fn every_fixture_has_its_expectation_beside_it_and_every_expectation_its_fixture() -> Result<()> {
    let folder = root().join("sip-fixtures");
    let mut wrong = Vec::new();
    for path in files(&folder)? {
        let has = |end: &str| path.with_extension(end).exists();
        let is_fixture = path.extension().is_some_and(|end| end == "sip" || end == "dat");
        if is_fixture && !has("toml") || !is_fixture && !has("sip") && !has("dat") {
            wrong.push(shown(&path));
        }
    }
    ensure!(wrong.is_empty(), "without the other one of its pair: {wrong:?}");
    Ok(())
}

#[test]
fn every_test_that_a_readme_names_exists() -> Result<()> {
    let mut there = BTreeSet::new();
    for folder in ["crates", "tests"] {
        for path in sources(&root().join(folder))? {
            there.extend(functions_named(&fs::read_to_string(path)?));
        }
    }
    for file in ["tests/README.md", "crates/acd/README.md"] {
        let readme = fs::read_to_string(root().join(file))?;
        let table = readme.split_once("| row | promise |");
        let (_, table) = table.with_context(|| format!("{file} has no table"))?;
        let named: Vec<&str> = table
            .lines()
            .flat_map(|row| row.split('|').skip(3))
            .flat_map(|cell| cell.split('`').skip(1).step_by(2))
            // A file that has more.
            .filter(|name| !name.contains('/'))
            .collect();
        ensure!(named.len() > 50, "only {} names: is {file} read right?", named.len());
        let missing: Vec<_> = named.into_iter().filter(|name| !there.contains(*name)).collect();
        ensure!(missing.is_empty(), "{file} names tests that do not exist: {missing:?}");
        let rows =
            (1..=11).map(|row| format!("C{row}")).chain((1..=12).map(|row| format!("D{row}")));
        let untold: Vec<_> = rows.filter(|row| !table.contains(&format!("\n| {row} | "))).collect();
        ensure!(untold.is_empty(), "{file} has no row for {untold:?}");
    }
    Ok(())
}

#[test]
fn every_planted_defect_fits_the_code_and_has_its_row() -> Result<()> {
    let rows = fs::read_to_string(root().join("crates/sim/README.md"))?;
    let mut wrong = Vec::new();
    let mut planted = 0;
    for path in files(&root().join("crates/sim/defects"))? {
        if path.extension().is_none_or(|end| end != "patch") {
            continue;
        }
        planted += 1;
        let tried = Command::new("patch")
            .args(["--dry-run", "--strip=1", "--silent", "--input"])
            .arg(&path)
            .current_dir(root())
            .output()
            .context("patch (Debian: patch, in build-essential)")?;
        let name = path.file_stem().unwrap_or_default().to_string_lossy();
        if !tried.status.success() || !rows.contains(&format!("| {name} |")) {
            wrong.push(shown(&path));
        }
    }
    ensure!(planted > 20, "only {planted} defects: is the folder read right?");
    ensure!(wrong.is_empty(), "these do not apply, or have no row in the README: {wrong:?}");
    Ok(())
}

#[test]
fn the_top_of_the_tree_is_the_fixed_one() -> Result<()> {
    let mut there = BTreeSet::new();
    for entry in fs::read_dir(root())? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        let is_ours = !name.starts_with('.') && !name.starts_with("target");
        if is_ours {
            there.insert(name);
        }
    }
    let wanted: BTreeSet<String> = TOP.iter().map(|name| (*name).to_owned()).collect();
    let strange: Vec<_> = there.difference(&wanted).collect();
    let missing: Vec<_> = wanted.difference(&there).collect();
    ensure!(strange.is_empty() && missing.is_empty(), "strange {strange:?}, missing {missing:?}");
    Ok(())
}

#[test]
fn the_longest_files_and_functions_are_shown() -> Result<()> {
    let (mut long_files, mut long_functions) = (Vec::new(), Vec::new());
    for folder in ["crates", "tests", "benches"] {
        for path in sources(&root().join(folder))? {
            let source = fs::read_to_string(&path)?;
            long_files.push((source.lines().count(), shown(&path)));
            for (length, name) in functions(&source) {
                long_functions.push((length, format!("{} {name}", shown(&path))));
            }
        }
    }
    for (what, mut entries) in [("files", long_files), ("functions", long_functions)] {
        entries.sort_by(|a, b| b.cmp(a));
        println!("the longest {what}:");
        for (length, name) in entries.iter().take(10) {
            println!("{length:6} {name}");
        }
    }
    Ok(())
}

/// The dependency graph of all targets and features.
struct Graph {
    members: Vec<String>,
    /// Package name → what it depends on, and whether as a normal dependency.
    arrows: BTreeMap<String, Vec<(String, bool)>>,
}

impl Graph {
    fn read() -> Result<Self> {
        let metadata = metadata()?;
        let mut names = BTreeMap::new();
        for package in list(&metadata["packages"])? {
            names.insert(text(&package["id"])?, text(&package["name"])?.to_owned());
        }
        let name = |id: &Value| -> Result<String> { Ok(names[text(id)?].clone()) };
        let mut arrows: BTreeMap<String, Vec<(String, bool)>> = BTreeMap::new();
        for node in list(&metadata["resolve"]["nodes"])? {
            let from = arrows.entry(name(&node["id"])?).or_default();
            for dependency in list(&node["deps"])? {
                let is_normal = list(&dependency["dep_kinds"])?.iter().any(|k| k["kind"].is_null());
                from.push((name(&dependency["pkg"])?, is_normal));
            }
        }
        let members = list(&metadata["workspace_members"])?;
        Ok(Self { members: members.iter().map(name).collect::<Result<_>>()?, arrows })
    }

    /// All that is linked in by way of normal dependencies.
    fn reach(&self, root: &str) -> BTreeSet<String> {
        let mut reached = BTreeSet::new();
        let mut ahead = vec![root.to_owned()];
        while let Some(next) = ahead.pop() {
            for (to, is_normal) in &self.arrows[&next] {
                if *is_normal && reached.insert(to.clone()) {
                    ahead.push(to.clone());
                }
            }
        }
        reached
    }
}

fn metadata() -> Result<Value> {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args(["metadata", "--format-version", "1", "--locked", "--filter-platform"])
        .arg("x86_64-unknown-linux-gnu")
        .current_dir(root())
        .output()?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Ok(serde_json::from_slice(&output.stdout)?)
}

/// Whether an SPDX expression offers a choice out of [`LICENCES`].
fn is_allowed(expression: &str) -> bool {
    let spaced = expression.replace('(', " ( ").replace(')', " ) ").replace('/', " OR ");
    let mut words: Vec<&str> = spaced.split_whitespace().rev().collect();
    any_of(&mut words)
}

fn any_of(words: &mut Vec<&str>) -> bool {
    let mut allowed = all_of(words);
    while words.pop_if(|word| *word == "OR").is_some() {
        allowed |= all_of(words);
    }
    allowed
}

fn all_of(words: &mut Vec<&str>) -> bool {
    let mut allowed = one(words);
    while words.pop_if(|word| *word == "AND").is_some() {
        allowed &= one(words);
    }
    allowed
}

fn one(words: &mut Vec<&str>) -> bool {
    match words.pop() {
        Some("(") => {
            let allowed = any_of(words);
            words.pop() == Some(")") && allowed
        }
        Some(name) => {
            if words.pop_if(|word| *word == "WITH").is_some() {
                words.pop(); // an exception only adds permissions
            }
            LICENCES.contains(&name)
        }
        None => false,
    }
}

/// The first word of a source that has no place where audio is, before its tests.
fn writes_audio(name: &str, source: &str) -> Option<&'static str> {
    let words: &[&'static str] = if name.starts_with("crates/media/src/") {
        &[
            "WavWriter",
            "fs::",
            "File::",
            "io::Write",
            "Stream::connect",
            "libc::open",
            "memfd",
            "mmap",
        ]
    } else if name.starts_with("crates/server/src/prompts") {
        &["WavWriter", "fs::write", "File::create", "OpenOptions", "io::Write", "Stream", "memfd"]
    } else {
        &["WavWriter"]
    };
    let code = source.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
    words.iter().copied().find(|word| code.contains(word))
}

/// Name and length of each function that rustfmt has laid out.
fn functions(source: &str) -> Vec<(usize, String)> {
    let lines: Vec<&str> = source.lines().collect();
    let mut found = Vec::new();
    for (start, line) in lines.iter().enumerate() {
        let code = line.trim_start();
        let Some(at) = code.find("fn ") else { continue };
        let is_definition = !code.starts_with("//")
            && code[..at].split_whitespace().all(|word| {
                ["pub", "pub(crate)", "pub(super)", "const", "async", "unsafe"].contains(&word)
            });
        if is_definition {
            let end = format!("{}}}", &line[..line.len() - code.len()]);
            let length = lines[start..].iter().position(|line| *line == end);
            let name: String = code[at + 3..].chars().take_while(|c| *c != '(').collect();
            found.extend(length.map(|length| (length + 1, name)));
        }
    }
    found
}

/// The names of all functions, in any layout.
fn functions_named(source: &str) -> impl Iterator<Item = String> {
    source.lines().filter_map(|line| {
        let (_, rest) = line.trim_start().split_once("fn ")?;
        Some(rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect())
    })
}

fn sources(folder: &Path) -> Result<Vec<PathBuf>> {
    let all = files(folder)?;
    Ok(all.into_iter().filter(|path| path.extension().is_some_and(|end| end == "rs")).collect())
}

/// All files below, sorted.
fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).with_context(|| folder.display().to_string())? {
        let path = entry?.path();
        if path.is_dir() {
            found.extend(files(&path)?);
        } else {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

fn root() -> PathBuf {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    tests.parent().expect("tests/ lies in the workspace").to_owned()
}

fn shown(path: &Path) -> String {
    path.strip_prefix(root()).unwrap_or(path).display().to_string()
}

fn list(value: &Value) -> Result<&Vec<Value>> {
    value.as_array().context("cargo metadata: not a list")
}

fn text(value: &Value) -> Result<&str> {
    value.as_str().context("cargo metadata: not a text")
}

//! Prompts: the WAV files of the folder `prompts/` beside the main configuration file, converted
//! once to what the relay sends.
//!
//! A prompt's id is its name's as long as the process runs (`config/ids.rs`). Files are only read.

mod wave;

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use call::PromptId;
use media::Audio;

use crate::config::{Mistakes, Unreadable, nearest, read_regular};
use crate::limits::{PROMPT_FILE_BYTES_MAX, PROMPTS_MAX};

/// The folder beside the main file.
pub(crate) const FOLDER: &str = "prompts";
/// Other files of the folder (a script, a text) are nobody's mistake, but these were meant to be heard.
const OTHER_AUDIO: [&str; 8] = ["mp3", "ogg", "opus", "flac", "m4a", "aac", "aiff", "wave"];
/// Length of one packet's audio.
const FRAME: Duration = Duration::from_millis(20);

/// All prompts. Cloning shares the audio.
#[derive(Clone, Debug, Default)]
pub struct Prompts(BTreeMap<PromptId, Prompt>);

#[derive(Clone, Debug)]
struct Prompt {
    name: String,
    audio: Arc<Audio>,
}

impl Prompts {
    /// Reads `prompts/` in a folder; every file that cannot be played is a mistake.
    pub(crate) fn load(
        folder: &Path,
        mut id: impl FnMut(&str) -> PromptId,
        mistakes: &mut Mistakes,
    ) -> Prompts {
        let folder = folder.join(FOLDER);
        let files = wave_files(&folder, mistakes);
        if files.len() > PROMPTS_MAX {
            let fault = format!("{} prompts, where {PROMPTS_MAX} is the most", files.len());
            mistakes.about_file(&folder, fault, "move those out that no plan names");
            return Prompts::default();
        }
        let mut prompts = Prompts::default();
        for file in files {
            let name = file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            if prompts.named(&name).is_some() {
                let fault = format!("there are two files of the prompt {name}");
                mistakes.about_file(&file, fault, "remove one of them");
                continue;
            }
            // A bad one has its name all the same: who plays it makes no second mistake.
            let audio = audio(&file, mistakes).unwrap_or_else(|| Audio::new(&[]));
            let id = id(&name);
            prompts.0.insert(id, Prompt { name, audio: Arc::new(audio) });
        }
        prompts
    }

    /// Also those that only the others have.
    pub(crate) fn with_those_of(mut self, others: Prompts) -> Prompts {
        for (id, prompt) in others.0 {
            self.0.entry(id).or_insert(prompt);
        }
        self
    }

    pub(crate) fn keep(&mut self, is_needed: impl Fn(PromptId) -> bool) {
        self.0.retain(|&id, _| is_needed(id));
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// The engine's part.
    pub fn described(&self) -> BTreeMap<PromptId, call::Prompt> {
        let described = |prompt: &Prompt| call::Prompt {
            name: prompt.name.clone(),
            duration: FRAME * u32::try_from(prompt.audio.frames()).unwrap_or(u32::MAX),
        };
        self.0.iter().map(|(id, prompt)| (*id, described(prompt))).collect()
    }

    /// What a configuration means by a name. The error is a remedy.
    pub(crate) fn find(&self, name: &str) -> Result<PromptId, String> {
        self.named(name).ok_or_else(|| match nearest(name, self.names()) {
            Some(near) => format!("did you mean {near:?}?"),
            None if self.0.is_empty() => {
                format!("put the file {FOLDER}/{name}.wav beside monoligne.toml")
            }
            None => format!("the prompts are: {}", self.names().collect::<Vec<_>>().join(", ")),
        })
    }

    pub fn named(&self, name: &str) -> Option<PromptId> {
        self.0.iter().find(|(_, prompt)| prompt.name == name).map(|(id, _)| *id)
    }

    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.values().map(|prompt| prompt.name.as_str())
    }

    /// Another one for other audio.
    pub(crate) fn fingerprint(&self, id: PromptId) -> u64 {
        let mut hasher = DefaultHasher::new();
        self.audio(id).hash(&mut hasher);
        hasher.finish()
    }

    #[cfg(test)]
    pub(crate) fn of<const N: usize>(prompts: [(PromptId, &str, Arc<Audio>); N]) -> Prompts {
        let prompt = |name: &str, audio| Prompt { name: name.to_owned(), audio };
        Prompts(prompts.map(|(id, name, audio)| (id, prompt(name, audio))).into())
    }

    pub(crate) fn audio(&self, id: PromptId) -> Option<&Arc<Audio>> {
        self.0.get(&id).map(|prompt| &prompt.audio)
    }
}

/// By name, so that ids do not depend on the file system's order. No folder: none.
fn wave_files(folder: &Path, mistakes: &mut Mistakes) -> Vec<PathBuf> {
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::NotFound => return Vec::new(),
        Err(error) => {
            let fault = format!("the folder cannot be read: {error}");
            mistakes.about_file(folder, fault, "make it readable for monoligne's user");
            return Vec::new();
        }
    };
    // Hidden ones are an editor's.
    let mut files: Vec<PathBuf> = entries
        .filter_map(|entry| entry.ok())
        .filter(|entry| !entry.file_name().as_encoded_bytes().starts_with(b"."))
        .map(|entry| entry.path())
        .collect();
    files.sort();
    files.retain(|file| {
        let extension = file.extension().unwrap_or_default().to_string_lossy().to_lowercase();
        if OTHER_AUDIO.contains(&extension.as_str()) {
            let fault = "not read: prompts are .wav files".to_owned();
            mistakes.about_file(file, fault, "convert it: `sox FILE -b 16 NAME.wav`");
        }
        extension == "wav"
    });
    files
}

/// `None` with a mistake.
fn audio(file: &Path, mistakes: &mut Mistakes) -> Option<Audio> {
    let bytes = match read_regular(file, PROMPT_FILE_BYTES_MAX) {
        Ok(bytes) => bytes,
        Err(error) => {
            let (fault, remedy) = match error {
                Unreadable::TooLarge(_) => {
                    (error.to_string(), "shorten it, or export it at 8 kHz: `-r 8000` in sox")
                }
                Unreadable::NoFile(_) | Unreadable::Failed(_) => (
                    format!("the file cannot be read: {error}"),
                    "put a readable WAV file in its place, or remove it",
                ),
            };
            mistakes.about_file(file, fault, remedy);
            return None;
        }
    };
    match wave::read(&bytes) {
        Ok(samples) => Some(Audio::new(&samples)),
        Err(error) => {
            mistakes.about_file(file, error.to_string(), error.remedy());
            None
        }
    }
}

#[cfg(test)]
mod tests;

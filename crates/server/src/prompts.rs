//! What can be played: each prompt by its id, with the audio that the relay sends.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use call::PromptId;
use media::Audio;

/// All prompts. Cloning shares the audio.
#[derive(Clone, Debug, Default)]
pub struct Prompts(BTreeMap<PromptId, Prompt>);

#[derive(Clone, Debug)]
struct Prompt {
    name: String,
    duration: Duration,
    audio: Arc<Audio>,
}

impl Prompts {
    /// The engine's part.
    pub fn described(&self) -> BTreeMap<PromptId, call::Prompt> {
        let described =
            |prompt: &Prompt| call::Prompt { name: prompt.name.clone(), duration: prompt.duration };
        self.0.iter().map(|(id, prompt)| (*id, described(prompt))).collect()
    }

    pub fn named(&self, name: &str) -> Option<PromptId> {
        self.0.iter().find(|(_, prompt)| prompt.name == name).map(|(id, _)| *id)
    }

    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.values().map(|prompt| prompt.name.as_str())
    }

    pub(crate) fn audio(&self, id: PromptId) -> Option<&Arc<Audio>> {
        self.0.get(&id).map(|prompt| &prompt.audio)
    }
}

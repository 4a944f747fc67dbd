use std::fs;

use super::*;

/// A folder of a test's own, removed at the end.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("monoligne-{name}-{}", std::process::id()));
        let _absent = fs::remove_dir_all(&path);
        fs::create_dir_all(path.join(FOLDER)).unwrap();
        Self(path)
    }

    /// A prompt of so many samples; the file's name may bring another folder or ending.
    fn put(&self, file: &str, samples: usize) {
        let spec = hound::WavSpec {
            channels: 1,
            sample_rate: 8_000,
            bits_per_sample: 16,
            sample_format: hound::SampleFormat::Int,
        };
        let mut writer = hound::WavWriter::create(self.0.join(FOLDER).join(file), spec).unwrap();
        (0..samples).for_each(|number| writer.write_sample((number % 4_000) as i16).unwrap());
        writer.finalize().unwrap();
    }

    /// Ids in the order of the names, from 1.
    fn load(&self) -> Prompts {
        let mut mistakes = Mistakes::default();
        let prompts = Prompts::load(&self.0, counted(), &mut mistakes);
        assert!(mistakes.is_empty(), "{mistakes}");
        prompts
    }

    fn mistakes(&self) -> String {
        let mut mistakes = Mistakes::default();
        Prompts::load(&self.0, counted(), &mut mistakes);
        mistakes.to_string()
    }
}

fn counted() -> impl FnMut(&str) -> PromptId {
    let mut ids = (1..).map(PromptId);
    move |_| ids.next().unwrap()
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _gone = fs::remove_dir_all(&self.0);
    }
}

#[test]
fn prompts_have_the_names_and_lengths_of_their_files() {
    let folder = Folder::new("prompts");
    folder.put("closed.wav", 8_000);
    folder.put("HOLD.WAV", 200);
    fs::write(folder.0.join(FOLDER).join("make.sh"), "#!/bin/sh").unwrap();
    let prompts = folder.load();
    let described: Vec<(String, u64)> = prompts
        .described()
        .into_values()
        .map(|prompt| (prompt.name, prompt.duration.as_millis() as u64))
        .collect();
    assert_eq!(described, [("HOLD".to_owned(), 40), ("closed".to_owned(), 1_000)]);
    let id = prompts.named("closed").unwrap();
    assert_eq!(prompts.audio(id).unwrap().frames(), 50);
    assert_eq!(prompts.named("hold"), None);
}

#[test]
fn other_audio_of_the_same_name_and_length_is_told_apart() {
    let folder = Folder::new("prompts-changed");
    folder.put("closed.wav", 800);
    let (first, again) = (folder.load(), folder.load());
    let id = first.named("closed").unwrap();
    assert_eq!(first.fingerprint(id), again.fingerprint(id));
    folder.put("closed.wav", 790);
    assert_eq!(folder.load().described(), first.described());
    assert_ne!(folder.load().fingerprint(id), first.fingerprint(id));
}

#[test]
fn no_folder_is_no_prompt_and_no_mistake() {
    let folder = Folder::new("no-prompts");
    fs::remove_dir(folder.0.join(FOLDER)).unwrap();
    assert!(folder.load().described().is_empty());
}

#[test]
fn every_file_that_cannot_be_played_is_a_mistake_of_its_own() {
    let folder = Folder::new("bad-prompts");
    folder.put("empty.wav", 0);
    folder.put("double.wav", 800);
    folder.put("double.WAV", 800);
    let path = |file: &str| folder.0.join(FOLDER).join(file);
    fs::write(path("text.wav"), "no audio at all, only words").unwrap();
    fs::write(path("music.mp3"), "ID3").unwrap();
    fs::create_dir(path("folder.wav")).unwrap();
    let large = fs::File::create(path("large.wav")).unwrap();
    large.set_len(PROMPT_FILE_BYTES_MAX + 1).unwrap();
    let told = folder.mistakes();
    for expected in [
        "empty.wav: empty",
        "double.wav: there are two files of the prompt double",
        "text.wav: not a WAV file",
        "music.mp3: not read: prompts are .wav files",
        "folder.wav: the file cannot be read",
        "large.wav: larger than 64 MiB",
        "6 mistakes",
    ] {
        assert!(told.contains(expected), "{expected} is not in:\n{told}");
    }
}

#[test]
fn a_name_that_is_not_there_comes_with_the_nearest_one() {
    let folder = Folder::new("near-prompts");
    let prompts = folder.load();
    assert!(prompts.find("closed").unwrap_err().contains("prompts/closed.wav"));
    folder.put("closed.wav", 800);
    let prompts = folder.load();
    assert_eq!(prompts.find("close").unwrap_err(), r#"did you mean "closed"?"#);
    assert_eq!(prompts.find("overflow").unwrap_err(), "the prompts are: closed");
    assert_eq!(prompts.find("closed"), Ok(prompts.named("closed").unwrap()));
}

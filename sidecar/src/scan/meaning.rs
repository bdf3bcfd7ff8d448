//! What a byte outside of strings means for the walk. Knows nothing of the bytes around it.

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Meaning {
    /// It is of a number or a word, space, or of no JSON at all.
    None,
    Quote,
    Colon,
    Comma,
    /// An object begins.
    Object,
    /// A list begins.
    List,
    /// An object or a list ends: which of them is not looked at.
    End,
}

static MEANINGS: [Meaning; 256] = {
    let mut meanings = [Meaning::None; 256];
    meanings[b'"' as usize] = Meaning::Quote;
    meanings[b':' as usize] = Meaning::Colon;
    meanings[b',' as usize] = Meaning::Comma;
    meanings[b'{' as usize] = Meaning::Object;
    meanings[b'[' as usize] = Meaning::List;
    meanings[b'}' as usize] = Meaning::End;
    meanings[b']' as usize] = Meaning::End;
    meanings
};

/// What this byte means.
pub(super) fn meaning(byte: u8) -> Meaning {
    MEANINGS[usize::from(byte)]
}

/// How many bytes are before the first that means something.
pub(super) fn meaningless(bytes: &[u8]) -> usize {
    bytes.iter().take_while(|byte| meaning(**byte) == Meaning::None).count()
}

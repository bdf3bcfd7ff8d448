//! Where in a document the walk is, and which names mean something there. It is told of brackets,
//! commas and keys; it sees no value.

/// What a value is looked at for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Field {
    Usage,
    Model,
    Tier,
    Response,
    Kind,
    Finish,
}

/// What the value at depth 1 is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Within {
    #[default]
    Other,
    /// An object around what we look for.
    Wrapper,
    /// A list of answers.
    Answers,
    /// What Gemini says about the prompt.
    Feedback,
}

/// The place in one document.
#[derive(Debug, Default)]
pub(super) struct Place {
    depth: u32,
    /// Whether the containers at depth 1 and 2 are objects.
    object: [bool; 3],
    within: Within,
    /// Whether the next string at this depth is a key.
    key_next: bool,
}

impl Place {
    /// How many containers are open.
    pub(super) fn depth(&self) -> u32 {
        self.depth
    }

    /// A container begins.
    pub(super) fn open(&mut self, object: bool) {
        self.depth = self.depth.saturating_add(1);
        self.key_next = match self.depth {
            1 => object,
            2 => object && self.within != Within::Other,
            _ => false,
        };
        if self.depth <= 2 {
            self.object[self.depth as usize] = object;
        }
    }

    /// A container ends. Of which kind it is by the bracket does not matter.
    pub(super) fn close(&mut self) {
        self.depth = self.depth.saturating_sub(1);
        self.key_next = false;
    }

    /// A comma: the next member or item comes.
    pub(super) fn next(&mut self) {
        match self.depth {
            1 => {
                self.key_next = self.object[1];
                self.within = Within::Other;
            }
            2 => self.key_next = self.object[2] && self.within != Within::Other,
            _ => {}
        }
    }

    /// A colon after this key: what the value that comes now is looked at for.
    pub(super) fn value(&mut self, key: &[u8]) -> Option<Field> {
        if !std::mem::take(&mut self.key_next) {
            let finish = self.depth == 3 && self.within == Within::Answers;
            return if finish { of_one_answer(key) } else { None };
        }
        match self.within {
            _ if self.depth == 1 => self.at_the_top(key),
            Within::Wrapper if key == b"id" => Some(Field::Response),
            Within::Wrapper => of_all(key),
            Within::Feedback if key == b"blockReason" => Some(Field::Finish),
            Within::Other | Within::Answers | Within::Feedback => None,
        }
    }

    /// A key at depth 1. What is within is `Other` by now: it begins so, and each comma makes it so.
    fn at_the_top(&mut self, key: &[u8]) -> Option<Field> {
        match key {
            b"type" => return Some(Field::Kind),
            b"response_id" => return Some(Field::Response),
            b"message" | b"response" | b"x_groq" => self.within = Within::Wrapper,
            b"choices" | b"candidates" => self.within = Within::Answers,
            b"promptFeedback" => self.within = Within::Feedback,
            _ => return of_all(key),
        }
        None
    }
}

/// What one of several answers says about itself.
fn of_one_answer(key: &[u8]) -> Option<Field> {
    matches!(key, b"finish_reason" | b"finishReason").then_some(Field::Finish)
}

/// What is said about the whole answer, at the top or in a wrapper.
fn of_all(key: &[u8]) -> Option<Field> {
    match key {
        b"usage" | b"usageMetadata" | b"amazon-bedrock-invocationMetrics" => Some(Field::Usage),
        b"model" | b"modelVersion" => Some(Field::Model),
        b"service_tier" | b"serviceTier" => Some(Field::Tier),
        _ => None,
    }
}

//! AMF0, the values of RTMP's commands: as much as a publisher says, and as little as it has to read.
//!
//! Owns the encoding. Pure.

/// Appends values.
#[derive(Debug, Default)]
pub(super) struct Values(Vec<u8>);

impl Values {
    pub(super) fn text(mut self, text: &str) -> Self {
        match u16::try_from(text.len()) {
            Ok(length) => {
                self.0.push(2);
                self.0.extend(length.to_be_bytes());
            }
            Err(_) => {
                self.0.push(12);
                let length = u32::try_from(text.len()).unwrap_or(u32::MAX);
                self.0.extend(length.to_be_bytes());
            }
        }
        self.0.extend(text.as_bytes());
        self
    }

    pub(super) fn number(mut self, number: f64) -> Self {
        self.0.push(0);
        self.0.extend(number.to_be_bytes());
        self
    }

    pub(super) fn null(mut self) -> Self {
        self.0.push(5);
        self
    }

    /// An object of texts and numbers.
    pub(super) fn object(mut self, members: &[(&str, Member<'_>)]) -> Self {
        self.0.push(3);
        for (name, member) in members {
            let length = u16::try_from(name.len()).unwrap_or(u16::MAX);
            self.0.extend(length.to_be_bytes());
            self.0.extend(name.as_bytes());
            self = match member {
                Member::Text(text) => self.text(text),
                Member::Number(number) => self.number(*number),
            };
        }
        self.0.extend([0, 0, 9]);
        self
    }

    pub(super) fn done(self) -> Vec<u8> {
        self.0
    }
}

/// A member of an object.
#[derive(Debug, Clone, Copy)]
pub(super) enum Member<'a> {
    Text(&'a str),
    Number(f64),
}

/// What a publisher has to know of a server's command.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Said {
    /// `_result`, `_error`, `onStatus`, ….
    pub(super) name: String,
    /// Which command it answers; 0 for none.
    pub(super) answers: u32,
    /// The first number after the command object: the stream's, after `createStream`.
    pub(super) number: Option<u32>,
    /// `NetStream.Publish.Start` and others.
    pub(super) code: Option<String>,
    /// `status` or `error`.
    pub(super) level: Option<String>,
}

/// Objects within objects that are followed.
const DEPTH: u32 = 4;

struct Read<'a>(&'a [u8]);

impl<'a> Read<'a> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    fn size(&mut self, bytes: usize) -> Option<usize> {
        let taken = self.take(bytes)?;
        Some(
            taken
                .iter()
                .fold(0, |sum, byte| (sum << 8) | usize::from(*byte)),
        )
    }

    fn chars(&mut self, length: usize) -> Option<String> {
        Some(String::from_utf8_lossy(self.take(length)?).into_owned())
    }

    /// One value; what it says is added to `said`. `name` is what it is called in its object.
    fn value(&mut self, name: &str, said: &mut Said, depth: u32) -> Option<()> {
        match self.size(1)? {
            0 => {
                let bytes: [u8; 8] = self.take(8)?.try_into().ok()?;
                if depth == 0 && said.number.is_none() {
                    said.number = whole(f64::from_be_bytes(bytes));
                }
            }
            1 => {
                self.take(1)?;
            }
            kind @ (2 | 12) => {
                let length = self.size(if kind == 2 { 2 } else { 4 })?;
                let text = self.chars(length)?;
                match name {
                    "code" => said.code = Some(text),
                    "level" => said.level = Some(text),
                    _ => {}
                }
            }
            kind @ (3 | 8) if depth < DEPTH => {
                if kind == 8 {
                    self.take(4)?;
                }
                loop {
                    let length = self.size(2)?;
                    let name = self.chars(length)?;
                    if name.is_empty() && self.0.first() == Some(&9) {
                        self.take(1)?;
                        break;
                    }
                    self.value(&name, said, depth + 1)?;
                }
            }
            5 | 6 => {}
            11 => {
                self.take(10)?;
            }
            _ => return None,
        }
        Some(())
    }
}

fn whole(number: f64) -> Option<u32> {
    let fits = (0.0..=f64::from(u32::MAX)).contains(&number);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "it was looked at just now"
    )]
    fits.then_some(number as u32)
}

/// Reads a server's command; `None` where it is none. What cannot be read is left out.
pub(super) fn read(bytes: &[u8]) -> Option<Said> {
    let mut from = Read(bytes);
    if from.size(1)? != 2 {
        return None;
    }
    let length = from.size(2)?;
    let mut said = Said {
        name: from.chars(length)?,
        ..Said::default()
    };
    from.value("", &mut said, 0)?;
    said.answers = said.number.take().unwrap_or(0);
    while !from.0.is_empty() {
        if from.value("", &mut said, 0).is_none() {
            break;
        }
    }
    Some(said)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_is_written_can_be_read() {
        let bytes = Values::default()
            .text("_result")
            .number(4.0)
            .null()
            .number(7.0)
            .done();
        let said = read(&bytes).unwrap();
        assert_eq!(
            (said.name.as_str(), said.answers, said.number),
            ("_result", 4, Some(7))
        );
        let bytes = Values::default()
            .text("onStatus")
            .number(0.0)
            .null()
            .object(&[
                ("level", Member::Text("error")),
                ("code", Member::Text("NetStream.Publish.BadName")),
                ("clientid", Member::Number(1.0)),
            ])
            .done();
        let said = read(&bytes).unwrap();
        assert_eq!(said.code.as_deref(), Some("NetStream.Publish.BadName"));
        assert_eq!((said.level.as_deref(), said.number), (Some("error"), None));
    }

    proptest! {
        #[test]
        fn whatever_comes_is_read_without_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _said = read(&bytes);
            let mut command = vec![2, 0, 1, b'x'];
            command.extend(bytes);
            let _said = read(&command);
        }
    }
}

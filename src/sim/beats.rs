//! Sequences of beats on a stream, packed the way the driver takes them.

use crate::rtl::{Field, Stream};
use std::sync::Arc;

/// Where the fields of a stream lie in a packed beat: each field starts at a 32-bit word of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layout {
    /// The stream.
    pub stream: Stream,
    offsets: Vec<usize>,
    words: usize,
}

impl Layout {
    /// The layout of a stream.
    pub fn new(stream: &Stream) -> Arc<Self> {
        let mut words = 0;
        let mut offsets = Vec::new();
        for field in &stream.fields {
            offsets.push(words);
            words += field_words(field);
        }
        Arc::new(Layout {
            stream: stream.clone(),
            offsets,
            words,
        })
    }

    /// Words of a packed beat.
    pub fn words(&self) -> usize {
        self.words
    }

    /// The first word of the field with this index.
    pub fn offset(&self, index: usize) -> usize {
        self.offsets[index]
    }

    /// Bits of a lane of a field.
    ///
    /// # Panics
    /// When the stream has no such field.
    pub fn lane_width(&self, field: &str) -> u32 {
        let (_, field) = self.field(field);
        field.width / field.lanes
    }

    fn field(&self, name: &str) -> (usize, &Field) {
        let index = self.stream.fields.iter().position(|f| f.name == name);
        let index = index.unwrap_or_else(|| panic!("stream `{}` has no field `{name}`", self.stream.name));
        (self.offsets[index], &self.stream.fields[index])
    }
}

/// Words that hold a field.
pub fn field_words(field: &Field) -> usize {
    field.width.div_ceil(32) as usize
}

/// Beats of one stream in order, with a mask of the bits that matter. On an input the others are driven with noise, on
/// an output they are not compared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Beats {
    layout: Arc<Layout>,
    words: Vec<u32>,
    care: Vec<u32>,
}

impl Beats {
    /// No beats yet.
    pub fn new(layout: &Arc<Layout>) -> Self {
        Beats {
            layout: layout.clone(),
            words: Vec::new(),
            care: Vec::new(),
        }
    }

    pub(super) fn received(layout: &Arc<Layout>, words: Vec<u32>) -> Self {
        let care = vec![u32::MAX; words.len()];
        Beats {
            layout: layout.clone(),
            words,
            care,
        }
    }

    /// The stream's layout.
    pub fn layout(&self) -> &Arc<Layout> {
        &self.layout
    }

    /// Number of beats. (A stream without fields is not supported by the co-simulation.)
    pub fn len(&self) -> usize {
        self.words.len() / self.layout.words.max(1)
    }

    /// Whether there is no beat.
    pub fn is_empty(&self) -> bool {
        self.words.is_empty()
    }

    /// Appends a beat with every field zero and compared; the returned handle sets its fields.
    pub fn push(&mut self) -> BeatMut<'_> {
        let start = self.words.len();
        self.words.resize(start + self.layout.words, 0);
        self.care.resize(start + self.layout.words, u32::MAX);
        BeatMut { beats: self, start }
    }

    /// The lanes of a field in a beat, unsigned. Lanes wider than 64 bits give their low 64.
    ///
    /// # Panics
    /// When there is no such beat or field.
    pub fn lanes(&self, beat: usize, field: &str) -> Vec<u64> {
        let (offset, field) = self.layout.field(field);
        let words = &self.words[beat * self.layout.words + offset..][..field_words(field)];
        let width = field.width / field.lanes;
        (0..field.lanes)
            .map(|lane| bits(words, lane * width, width.min(64)))
            .collect()
    }

    /// A scalar field of a beat, unsigned.
    ///
    /// # Panics
    /// When there is no such beat or field.
    pub fn value(&self, beat: usize, field: &str) -> u64 {
        self.lanes(beat, field)[0]
    }

    /// A lane as a signed number.
    ///
    /// # Panics
    /// When there is no such beat or field.
    pub fn signed_lanes(&self, beat: usize, field: &str) -> Vec<i64> {
        let (_, f) = self.layout.field(field);
        let spare = 64 - (f.width / f.lanes).min(64);
        self.lanes(beat, field)
            .into_iter()
            .map(|v| ((v << spare) as i64) >> spare)
            .collect()
    }

    /// Elements that matter: of each beat as many as the lanes of the field that has most of them, where what bounds a
    /// row (`count`, `last`) and what only travels with it (`ctx`) are not elements.
    pub fn elements(&self) -> u64 {
        let fields = &self.layout.stream.fields;
        let lanes = |words: &[u32], field: &Field| {
            let width = field.width / field.lanes;
            let matters = |lane: &u32| {
                let (from, to) = (lane * width, (lane + 1) * width);
                (from..to).any(|bit| words[bit as usize / 32] >> (bit % 32) & 1 == 1)
            };
            (0..field.lanes).filter(matters).count() as u64
        };
        let beats = self.care.chunks_exact(self.layout.words.max(1));
        let in_beat = |care: &[u32]| {
            let elements = fields
                .iter()
                .zip(&self.layout.offsets)
                .filter(|(field, _)| !["count", "last", "ctx"].contains(&field.name.as_str()))
                .map(|(field, &offset)| lanes(&care[offset..], field));
            elements.max().unwrap_or(0)
        };
        beats.map(in_beat).sum()
    }

    /// The packed mask of the bits that matter.
    pub(crate) fn care(&self) -> &[u32] {
        &self.care
    }

    /// The packed words with noise from `noise` where nothing matters.
    pub(crate) fn words_with_noise(&self, mut noise: impl FnMut() -> u32) -> Vec<u32> {
        let fill = |(&w, &c): (&u32, &u32)| if c == u32::MAX { w } else { w & c | noise() & !c };
        self.words.iter().zip(&self.care).map(fill).collect()
    }

    /// The first beat from `from` on in which `got` differs from these expected beats where it matters, among the
    /// beats both have.
    pub fn first_difference(&self, got: &Beats, from: usize) -> Option<usize> {
        let words = self.layout.words.max(1);
        let start = from * words;
        let pairs = self.words.iter().zip(&self.care).zip(&got.words).skip(start);
        pairs
            .enumerate()
            .find(|&(_, ((e, c), g))| (e ^ g) & c != 0)
            .map(|(i, _)| (start + i) / words)
    }

    /// One line a field that differs between a beat of these expected beats and the same beat of `got`.
    pub fn differences(&self, got: &Beats, beat: usize) -> Vec<String> {
        let mut lines = Vec::new();
        for field in &self.layout.stream.fields {
            let (offset, _) = self.layout.field(&field.name);
            let range =
                beat * self.layout.words + offset..beat * self.layout.words + offset + field_words(field);
            let (want, care, have) = (
                &self.words[range.clone()],
                &self.care[range.clone()],
                &got.words[range],
            );
            if want
                .iter()
                .zip(care)
                .zip(have)
                .all(|((w, c), h)| (w ^ h) & c == 0)
            {
                continue;
            }
            let width = field.width / field.lanes;
            for lane in 0..field.lanes {
                let one = |words: &[u32]| hex(words, lane * width, width);
                let masked =
                    |words: &[u32]| -> Vec<u32> { words.iter().zip(care).map(|(w, c)| w & c).collect() };
                if one(&masked(want)) == one(&masked(have)) {
                    continue;
                }
                let name = if field.lanes > 1 {
                    format!("{}[{lane}]", field.name)
                } else {
                    field.name.clone()
                };
                let mask = one(care);
                let all = one(&vec![u32::MAX; care.len()]);
                let note = if mask == all {
                    String::new()
                } else {
                    format!(" (bits compared: {mask})")
                };
                let decimal = |words: &[u32]| {
                    if width <= 64 {
                        format!(" ({})", bits(words, lane * width, width))
                    } else {
                        String::new()
                    }
                };
                lines.push(format!(
                    "{name}: expected {}{}, got {}{}{note}",
                    one(want),
                    decimal(want),
                    one(have),
                    decimal(have)
                ));
            }
        }
        lines
    }

    /// Flips one bit that matters, the one chosen by `pick` among all; false when nothing matters. For showing that
    /// a comparison fires.
    pub fn corrupt(&mut self, pick: u64) -> Option<(usize, String)> {
        let matters = |beats: &Beats, index: usize| -> Option<(usize, String)> {
            let (beat, word) = (index / 32 / beats.layout.words, index / 32 % beats.layout.words);
            let bit = index % 32;
            let owner = beats.layout.offsets.iter().rposition(|&o| o <= word)?;
            let field = &beats.layout.stream.fields[owner];
            let inside = (word - beats.layout.offsets[owner]) * 32 + bit < field.width as usize;
            (inside && beats.care[index / 32] >> bit & 1 == 1).then(|| (beat, field.name.clone()))
        };
        let total = self.words.len() * 32;
        let start = (pick % (total.max(1) as u64)) as usize;
        let index = (start..total)
            .chain(0..start)
            .find(|&i| matters(self, i).is_some())?;
        self.words[index / 32] ^= 1 << (index % 32);
        matters(self, index)
    }
}

/// The beat just appended; each call sets a field and gives the handle back.
pub struct BeatMut<'a> {
    beats: &'a mut Beats,
    start: usize,
}

impl BeatMut<'_> {
    /// Sets a scalar field.
    ///
    /// # Panics
    /// When the stream has no such field, or the value fits its width neither as an unsigned nor as a signed number.
    pub fn set(self, field: &str, value: impl Into<i64>) -> Self {
        self.lanes(field, [value.into()])
    }

    /// Sets the lanes of a field from lane 0 on. Lanes not given do not matter.
    ///
    /// # Panics
    /// As [`BeatMut::set`], or when more lanes are given than there are.
    pub fn lanes<T: Into<i64>>(self, field: &str, values: impl IntoIterator<Item = T>) -> Self {
        let (offset, f) = self.beats.layout.field(field);
        let (width, lanes, words) = (f.width / f.lanes, f.lanes, field_words(f));
        let start = self.start + offset;
        let mut given = 0;
        for value in values {
            let value: i64 = value.into();
            assert!(given < lanes, "field `{field}` has {lanes} lanes");
            let fits = width >= 64 || (-(1i128 << (width - 1))..1i128 << width).contains(&value.into());
            assert!(fits, "field `{field}`: {value} does not fit {width} bits");
            set_bits(
                &mut self.beats.words[start..][..words],
                given * width,
                width,
                value,
            );
            given += 1;
        }
        for lane in given..lanes {
            set_bits(&mut self.beats.care[start..][..words], lane * width, width, 0);
        }
        self
    }

    /// Sets a whole field of any width from 32-bit words, least significant first; words not given are zero.
    ///
    /// # Panics
    /// When the stream has no such field, or the field has fewer words.
    pub fn words(self, field: &str, words: &[u32]) -> Self {
        let (offset, f) = self.beats.layout.field(field);
        let target = &mut self.beats.words[self.start + offset..][..field_words(f)];
        target[..words.len()].copy_from_slice(words);
        if f.width % 32 != 0 {
            target[field_words(f) - 1] &= (1 << (f.width % 32)) - 1;
        }
        self
    }

    /// Marks a whole field as one that does not matter.
    ///
    /// # Panics
    /// When the stream has no such field.
    pub fn ignore(self, field: &str) -> Self {
        let (offset, f) = self.beats.layout.field(field);
        let start = self.start + offset;
        self.beats.care[start..][..field_words(f)].fill(0);
        self
    }

    /// Marks one lane of a field as one that does not matter.
    ///
    /// # Panics
    /// When the stream has no such field or lane.
    pub fn ignore_lane(self, field: &str, lane: usize) -> Self {
        let (offset, f) = self.beats.layout.field(field);
        assert!(lane < f.lanes as usize, "field `{field}` has {} lanes", f.lanes);
        let (width, words, start) = (f.width / f.lanes, field_words(f), self.start + offset);
        set_bits(
            &mut self.beats.care[start..][..words],
            lane as u32 * width,
            width,
            0,
        );
        self
    }
}

/// `width` bits (at most 64) from bit `at`.
fn bits(words: &[u32], at: u32, width: u32) -> u64 {
    let mut value = 0;
    let mut got = 0;
    while got < width {
        let (word, shift) = (((at + got) / 32) as usize, (at + got) % 32);
        let take = (32 - shift).min(width - got);
        let piece = u64::from(words[word] >> shift) & ((1u64 << take) - 1);
        value |= piece << got;
        got += take;
    }
    value
}

/// Sets `width` bits from bit `at` to the two's complement of `value`, sign-extended beyond 64.
fn set_bits(words: &mut [u32], at: u32, width: u32, value: i64) {
    let mut done = 0;
    while done < width {
        let (word, shift) = (((at + done) / 32) as usize, (at + done) % 32);
        let take = (32 - shift).min(width - done);
        let mask = (u32::MAX >> (32 - take)) << shift;
        let piece = ((value >> done.min(63)) as u32) << shift;
        words[word] = words[word] & !mask | piece & mask;
        done += take;
    }
}

/// `width` bits from bit `at` as a Verilog literal.
fn hex(words: &[u32], at: u32, width: u32) -> String {
    let digits = width.div_ceil(4);
    let digit = |i: u32| bits(words, at + 4 * i, (width - 4 * i).min(4));
    let text: String = (0..digits).rev().map(|i| format!("{:x}", digit(i))).collect();
    format!("{width}'h{text}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rtl::Direction;

    fn layout() -> Arc<Layout> {
        Layout::new(&Stream {
            name: "push".into(),
            direction: Direction::In,
            fields: vec![Field::lanes("data", 3, 37), Field::new("last", 1)],
        })
    }

    #[test]
    fn lanes_cross_words() {
        let mut beats = Beats::new(&layout());
        beats
            .push()
            .lanes("data", [-1i64, 0x12_3456_789a, -2])
            .set("last", true);
        assert_eq!(beats.len(), 1);
        assert_eq!(
            beats.lanes(0, "data"),
            [0x1f_ffff_ffff, 0x12_3456_789a, 0x1f_ffff_fffe]
        );
        assert_eq!(beats.signed_lanes(0, "data")[2], -2);
        assert_eq!(beats.value(0, "last"), 1);
    }

    #[test]
    fn what_does_not_matter_is_not_compared() {
        let mut expected = Beats::new(&layout());
        expected.push().lanes("data", [5i64]).set("last", false);
        let mut got = expected.clone();
        got.words[3] ^= 1; // lane 2
        assert_eq!(expected.first_difference(&got, 0), None);
        got.words[0] ^= 1;
        assert_eq!(expected.first_difference(&got, 0), Some(0));
        assert_eq!(
            expected.differences(&got, 0),
            ["data[0]: expected 37'h0000000005 (5), got 37'h0000000004 (4)"]
        );
    }

    #[test]
    fn elements_are_lanes_that_matter() {
        let mut beats = Beats::new(&layout());
        assert_eq!(beats.elements(), 0);
        beats.push().lanes("data", [5i64, 6]).set("last", false);
        assert_eq!(beats.elements(), 2);
        beats.push().lanes("data", [0i64; 0]).set("last", true);
        assert_eq!(beats.elements(), 2);
        beats.push().lanes("data", [1i64, 2, 3]).ignore_lane("data", 1);
        assert_eq!(beats.elements(), 4);
    }

    #[test]
    fn every_corruption_is_seen() {
        let mut expected = Beats::new(&layout());
        expected.push().lanes("data", [5i64]).set("last", false);
        expected.push().lanes("data", [1i64, 2, 3]).ignore("last");
        for pick in 0..400u64 {
            let mut bad = expected.clone();
            let (beat, _) = bad.corrupt(pick).unwrap();
            assert_eq!(bad.first_difference(&expected, 0), Some(beat));
        }
    }
}

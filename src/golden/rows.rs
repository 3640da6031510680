//! Probability rows of real runs, stored compactly: what the top-k benches feed on.

use super::Row;
use super::model::{header_value, read_tensors, write_tensors};
use anyhow::{Context, ensure};
use safetensors::{Dtype, SafeTensors};
use std::collections::BTreeMap;
use std::path::Path;

/// One probability row and what local value pruning was asked to keep of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProbRow {
    /// Layer it came from.
    pub layer: u32,
    /// Query head it came from.
    pub head: u32,
    /// Token id of its query.
    pub query: u32,
    /// How many of its values stay.
    pub k: u32,
    /// The probabilities in key order, at most `prob-width` bits each.
    pub probs: Vec<u16>,
}

impl ProbRow {
    /// The row of an executed layer.
    pub fn of(layer: u32, row: &Row) -> Self {
        let (head, query, k) = (row.head, row.query, row.kept.len() as u32);
        ProbRow {
            layer,
            head,
            query,
            k,
            probs: row.probs.clone(),
        }
    }
}

/// Probability rows with their origin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProbRows {
    /// `P`: bits of a probability.
    pub prob_width: u32,
    /// What they were computed from: model and text, with licences.
    pub source: String,
    /// The rows.
    pub rows: Vec<ProbRow>,
}

impl ProbRows {
    /// `count` of the rows (all, when there are fewer), evenly spread over them, in order.
    pub fn spread(mut self, count: usize) -> Self {
        let total = self.rows.len();
        if count < total {
            let mut index = 0;
            self.rows.retain(|_| {
                index += 1;
                // The rows at which floor(i * count / total) steps.
                index * count / total != (index - 1) * count / total
            });
        }
        self
    }

    /// Writes a safetensors file: `probs` (U16, all rows one after the other) and `keys`, `k`, `layer`, `head`, `query` (U32,
    /// one a row). The same rows give the same bytes.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn save(&self, path: &Path) -> anyhow::Result<()> {
        let column = |get: fn(&ProbRow) -> u32| -> Vec<u8> {
            self.rows.iter().flat_map(|row| get(row).to_le_bytes()).collect()
        };
        let probs: Vec<u8> = self
            .rows
            .iter()
            .flat_map(|r| &r.probs)
            .flat_map(|p| p.to_le_bytes())
            .collect();
        let count = self.rows.len();
        let tensors = [
            ("head", Dtype::U32, vec![count], column(|row| row.head)),
            ("k", Dtype::U32, vec![count], column(|row| row.k)),
            (
                "keys",
                Dtype::U32,
                vec![count],
                column(|row| row.probs.len() as u32),
            ),
            ("layer", Dtype::U32, vec![count], column(|row| row.layer)),
            ("probs", Dtype::U16, vec![probs.len() / 2], probs),
            ("query", Dtype::U32, vec![count], column(|row| row.query)),
        ];
        let metadata = BTreeMap::from([
            ("kind".to_owned(), "probability rows".to_owned()),
            ("prob-width".to_owned(), self.prob_width.to_string()),
            ("source".to_owned(), self.source.clone()),
        ]);
        write_tensors(path, &metadata, &tensors)
    }

    /// Reads a file that [`ProbRows::save`] wrote.
    ///
    /// # Errors
    /// The file cannot be read, or is not such a file.
    pub fn load(path: &Path) -> anyhow::Result<Self> {
        let bytes = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
        Self::from_bytes(&bytes).with_context(|| format!("{} holds no probability rows", path.display()))
    }

    /// Reads the bytes of such a file.
    ///
    /// # Errors
    /// The bytes are not such a file.
    pub fn from_bytes(bytes: &[u8]) -> anyhow::Result<Self> {
        let (metadata, tensors) = read_tensors(bytes)?;
        let column = |name| numbers(&tensors, name, Dtype::U32);
        let prob_width = header_value(&metadata, "prob-width")?;
        ensure!(
            (1..=16).contains(&prob_width),
            "prob-width is {prob_width}; 1 to 16 are legal"
        );
        let (keys, k, layer) = (column("keys")?, column("k")?, column("layer")?);
        let (head, query, probs) = (
            column("head")?,
            column("query")?,
            numbers(&tensors, "probs", Dtype::U16)?,
        );
        let wide = probs.iter().find(|&&p| p >> prob_width != 0);
        ensure!(
            wide.is_none(),
            "a probability is {}, more than prob-width = {prob_width} bits",
            wide.unwrap_or(&0)
        );
        let count = keys.len();
        ensure!(
            [&k, &layer, &head, &query].iter().all(|c| c.len() == count),
            "the columns differ in length"
        );
        let total: u64 = keys.iter().map(|&n| u64::from(n)).sum();
        ensure!(
            total == probs.len() as u64,
            "`keys` adds up to {total}, but there are {} probabilities",
            probs.len()
        );
        let mut rest = probs.into_iter().map(|p| p as u16);
        let rows = (0..count).map(|i| ProbRow {
            layer: layer[i],
            head: head[i],
            query: query[i],
            k: k[i],
            probs: rest.by_ref().take(keys[i] as usize).collect(),
        });
        let source = metadata.get("source").cloned().unwrap_or_default();
        Ok(ProbRows {
            prob_width,
            source,
            rows: rows.collect(),
        })
    }
}

/// A tensor of unsigned numbers of one type.
fn numbers(tensors: &SafeTensors, name: &str, dtype: Dtype) -> anyhow::Result<Vec<u32>> {
    let tensor = tensors.tensor(name).with_context(|| format!("tensor `{name}`"))?;
    ensure!(
        tensor.dtype() == dtype,
        "tensor `{name}` is {:?}, not {dtype:?}",
        tensor.dtype()
    );
    let number = |bytes: &[u8]| bytes.iter().rev().fold(0u32, |x, &b| x << 8 | u32::from(b));
    Ok(tensor
        .data()
        .chunks_exact(dtype.bitsize() / 8)
        .map(number)
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(count: usize) -> ProbRows {
        let row = |i: usize| ProbRow {
            layer: i as u32,
            head: 1,
            query: 2,
            k: 3,
            probs: (0..i as u16).map(|x| x * 5).collect(),
        };
        ProbRows {
            prob_width: 12,
            source: "made up".into(),
            rows: (0..count).map(row).collect(),
        }
    }

    #[test]
    fn come_back_from_a_file() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("rows.safetensors");
        rows(7).save(&path).unwrap();
        assert_eq!(ProbRows::load(&path).unwrap(), rows(7));
        assert!(ProbRows::from_bytes(b"no").is_err());
    }

    #[test]
    fn spread_evenly() {
        let picked = |count| {
            rows(10)
                .spread(count)
                .rows
                .iter()
                .map(|r| r.layer)
                .collect::<Vec<_>>()
        };
        assert_eq!(picked(2), [4, 9]);
        assert_eq!(picked(10).len(), 10);
        assert_eq!(picked(99).len(), 10);
        assert_eq!(picked(7).len(), 7);
        assert!(picked(0).is_empty());
    }
}

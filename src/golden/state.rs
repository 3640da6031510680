//! The state of one sequence, and the state operations that open a command.

use super::cascade::prune;
use super::command::{LayerCommand, Mode, Refusal, require};
use super::token_importance::Importance;
use crate::config::Config;

/// What stays on chip between commands. All of it can be saved and restored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct State {
    /// `L`: tokens so far.
    pub length: u32,
    /// `H`: heads.
    pub heads: u32,
    /// Kept tokens, ids ascending.
    pub token_list: Vec<u32>,
    /// Kept heads, ids ascending.
    pub head_list: Vec<u32>,
    /// Importance of every token id the hardware has room for.
    pub token_importance: Importance,
    /// Importance of every head id the hardware has room for.
    pub head_importance: Importance,
}

/// The first entry that breaks "strictly ascending and below `limit`": position and id.
fn misplaced(list: &[u32], limit: u32) -> Option<(usize, u32)> {
    let bad = |i: &usize| list[*i] >= limit || *i > 0 && list[*i] <= list[*i - 1];
    (0..list.len()).find(bad).map(|i| (i, list[i]))
}

impl State {
    /// The state after reset: no tokens, no heads, no importance.
    pub fn new(config: &Config) -> Self {
        State {
            length: 0,
            heads: 0,
            token_list: Vec::new(),
            head_list: Vec::new(),
            token_importance: Importance::new(config.max_tokens),
            head_importance: Importance::new(config.max_heads),
        }
    }

    /// The state after a command's state operations and its prunes before the layer. `self` is left alone, so a refusal
    /// changes nothing.
    ///
    /// # Errors
    /// The first broken rule of those that concern state.
    pub fn prepare(&self, config: &Config, command: &LayerCommand) -> Result<State, Refusal> {
        let (max_tokens, max_heads) = (config.max_tokens, config.max_heads);
        let (length, heads) = (self.length, self.heads);
        require(length <= max_tokens && heads <= max_heads, || Refusal::Length {
            length,
            heads,
            max_tokens,
            max_heads,
        })?;
        // A list the command rewrites may hold anything: a new prompt starts by writing a smaller L over old lists.
        if let Some((position, id)) = misplaced(&self.token_list, length).filter(|_| !command.tokens.reset) {
            return Err(Refusal::TokenList { position, id, length });
        }
        if let Some((position, id)) = misplaced(&self.head_list, heads).filter(|_| !command.heads.reset) {
            return Err(Refusal::HeadList { position, id, heads });
        }
        require(!command.tokens.append || length < max_tokens, || {
            Refusal::Append { max: max_tokens }
        })?;

        let mut next = self.clone();
        if command.tokens.clear {
            next.token_importance.clear();
        }
        if command.heads.clear {
            next.head_importance.clear();
        }
        next.token_importance.scale_down(u32::from(command.tokens.scale));
        next.head_importance.scale_down(u32::from(command.heads.scale));
        if command.tokens.append {
            next.token_importance.set(length, 0);
            next.token_list.push(length);
            next.length += 1;
        }
        if command.tokens.reset {
            next.token_list = (0..next.length).collect();
        }
        if command.heads.reset {
            next.head_list = (0..next.heads).collect();
        }
        if let Some(p) = command.tokens.prune_before {
            next.token_list = prune(&next.token_list, &next.token_importance, p);
        }
        if let Some(p) = command.heads.prune_before {
            next.head_list = prune(&next.head_list, &next.head_importance, p.into());
        }
        require(!next.token_list.is_empty(), || Refusal::EmptyTokens)?;
        require(!next.head_list.is_empty(), || Refusal::EmptyHeads)?;
        let (query, length) = (command.query, next.length);
        require(command.mode != Mode::Generation || query < length, || {
            Refusal::Query { query, length }
        })?;
        Ok(next)
    }

    /// The prunes after the layer.
    pub fn prune_after(&mut self, command: &LayerCommand) {
        if let Some(p) = command.tokens.prune_after {
            self.token_list = prune(&self.token_list, &self.token_importance, p);
        }
        if let Some(p) = command.heads.prune_after {
            self.head_list = prune(&self.head_list, &self.head_importance, p.into());
        }
    }
}

//! Sector counts and the roof against a plain enumeration of every list, byte by byte, over random sequences.

use spatten_gen::config::Config;
use spatten_gen::golden::case::{Case, Outcome};
use spatten_gen::golden::command::*;
use spatten_gen::golden::planes::Region;
use spatten_gen::golden::sectors::Sectors;
use spatten_gen::golden::{Image, LayerResult, Roof, Sequence, random};

/// Sectors of a list of vectors, one byte after the other.
fn enumerate(vectors: impl Iterator<Item = (u64, u64)>, addr_width: u32) -> u64 {
    let (mut count, mut last) = (0, None);
    for (address, bytes) in vectors {
        for byte in 0..bytes {
            let wide = (u128::from(address) + u128::from(byte)) % (1u128 << addr_width);
            let sector = wide / 32;
            if last != Some(sector) {
                count += 1;
                last = Some(sector);
            }
        }
    }
    count
}

/// The lists of a layer, one after the other, as the specification names them.
fn by_lists(config: &Config, command: &LayerCommand, result: &LayerResult) -> Sectors {
    let list = |region: &Region, head: u32, tokens: &[u32], planes: u32| {
        let address = |token: u32| {
            let (head, token) = (u128::from(head), u128::from(token));
            let sum = u128::from(region.base)
                + u128::from(region.head_stride) * head
                + u128::from(region.token_stride) * token;
            (sum % (1u128 << config.addr_width)) as u64
        };
        let bytes = u64::from(planes * command.head_dim) / 8;
        enumerate(
            tokens.iter().map(|&token| (address(token), bytes)),
            config.addr_width,
        )
    };
    let (r, keys, values) = (&command.regions, &command.keys, &command.values);
    let mut sectors = Sectors::default();
    if command.mode == Mode::Generation {
        for &head in &result.heads {
            let kv = head / command.group;
            let row = result.rows.iter().find(|row| row.head == head).unwrap();
            let visible = |token: &u32| !command.causal || *token <= command.query;
            let seen: Vec<u32> = result.tokens.iter().copied().filter(visible).collect();
            let whole = keys.mode == KeyMode::Always || row.redone;
            sectors.q += list(&r.q, head, &[command.query], config.width);
            sectors.k_msb += list(&r.k_msb, kv, &seen, keys.msb);
            sectors.v_msb += list(&r.v_msb, kv, &row.kept, values.msb);
            if whole {
                sectors.k_lsb += list(&r.k_lsb, kv, &seen, keys.lsb);
            }
            if values.mode == ValueMode::Always || values.mode == ValueMode::WithRow && whole {
                sectors.v_lsb += list(&r.v_lsb, kv, &row.kept, values.lsb);
            }
        }
        return sectors;
    }
    let mut previous = None;
    for &head in &result.heads {
        let kv = head / command.group;
        sectors.q += list(&r.q, head, &result.tokens, config.width);
        if previous != Some(kv) {
            sectors.k_msb += list(&r.k_msb, kv, &result.tokens, keys.msb);
            sectors.v_msb += list(&r.v_msb, kv, &result.tokens, values.msb);
            if keys.mode == KeyMode::Always {
                sectors.k_lsb += list(&r.k_lsb, kv, &result.tokens, keys.lsb);
            }
            if values.mode == ValueMode::Always {
                sectors.v_lsb += list(&r.v_lsb, kv, &result.tokens, values.lsb);
            }
        }
        previous = Some(kv);
    }
    sectors
}

/// Runs a case's events and shows each executed command.
fn replay(case: &Case, mut each: impl FnMut(&Config, &LayerCommand, &LayerResult)) {
    let config = Config::try_from(case.config.clone()).unwrap();
    let (mut sequence, mut image) = (Sequence::new(&config), Image::new(&config));
    for event in &case.events {
        if let Some(load) = &event.load {
            image.load(&case.tensor(load).unwrap(), load.msb_bits, &load.msb, &load.lsb);
        }
        if let Some(write) = &event.state {
            write.apply(&mut sequence.state).unwrap();
        }
        if let Some(command) = &event.command {
            if let Ok(result) = sequence.execute(command, &image) {
                image.store(command, &result.rows);
                each(&config, command, &result);
            }
        }
    }
}

#[test]
fn counts_agree_with_the_enumeration() {
    let mut seen = Sectors::default();
    for seed in 1000..1150 {
        replay(&random::case(seed).unwrap(), |config, command, result| {
            assert_eq!(
                result.sectors,
                by_lists(config, command, result),
                "seed {seed}, {command:?}"
            );
            seen += result.sectors;
        });
    }
    // Every stream was exercised.
    assert!(
        [seen.q, seen.k_msb, seen.k_lsb, seen.v_msb, seen.v_lsb]
            .iter()
            .all(|&n| n > 1000),
        "{seen:?}"
    );
}

#[test]
fn the_enumeration_fires() {
    let (mut fired, mut ran) = (0, 0);
    replay(&random::case(1000).unwrap(), |config, command, result| {
        let mut wrong = command.clone();
        wrong.regions.q.base += 4;
        wrong.regions.q.token_stride += 4;
        wrong.regions.k_msb.token_stride += 12;
        ran += 1;
        fired += usize::from(by_lists(config, &wrong, result) != result.sectors);
    });
    assert!(ran > 0 && fired > 0, "{fired} of {ran}");
}

/// The roof of a run, from its definition, in exact integers over a common denominator.
#[test]
fn the_roof_agrees_with_its_definition() {
    for seed in 2000..2100 {
        let case = random::case(seed).unwrap();
        let config = Config::try_from(case.config.clone()).unwrap();
        let mut roof = Roof::new(&config);
        let mut stretches = vec![[0u128; 4]];
        replay(&case, |_, command, result| {
            roof.add(command, result);
            if command.tokens.prune_before.is_some() {
                stretches.push([0; 4]);
            }
            let dim = u128::from(command.head_dim);
            let s = result.sectors;
            let stretch = stretches.last_mut().unwrap();
            stretch[0] += u128::from(s.q + s.k_msb + s.k_lsb + s.v_msb + s.v_lsb);
            for row in &result.rows {
                let passes = if row.redone { 2 } else { 1 };
                stretch[1] += u128::from(row.keys) * passes * dim;
                stretch[2] += u128::from(row.keys) * passes;
                stretch[3] += row.kept.len() as u128 * dim;
            }
            if command.tokens.prune_after.is_some() {
                stretches.push([0; 4]);
            }
        });
        let per = [
            config.channels,
            config.multipliers,
            config.softmax_lanes,
            config.multipliers,
        ]
        .map(u128::from);
        let common = per[0] * per[1] * per[2];
        let cycles = |s: &[u128; 4]| (0..4).map(|i| s[i] * (common / per[i])).max().unwrap();
        let sum: u128 = stretches.iter().map(cycles).sum();
        let exact = roof.cycles();
        assert_eq!(sum * exact.1, exact.0 * common, "seed {seed}");
        assert_eq!(
            roof.stretches().len(),
            stretches.iter().filter(|s| **s != [0; 4]).count()
        );
        assert_eq!(case.summary.roof, exact);
    }
}

#[test]
fn refused_commands_are_part_of_what_is_replayed() {
    let refused = |case: Case| {
        let outcomes = case.events.into_iter().filter_map(|event| event.result);
        outcomes
            .filter(|outcome| matches!(outcome, Outcome::Refused { .. }))
            .count()
    };
    assert!(
        (1000..1150)
            .map(|seed| refused(random::case(seed).unwrap()))
            .sum::<usize>()
            > 50
    );
}
